// ForwardingGroup: a communicator that passes every call on to another one of the same ranks. A
// derived class changes some: to watch them, or to make them slower.
#pragma once
#include "common/comm/communicator.h"

namespace shard {

/// Each call is complete when it has been passed on. What is communicated is entered in the ledger
/// of the group that does it.
class ForwardingGroup : public Communicator {
 public:
  /// `group` must outlive it, and has its name.
  explicit ForwardingGroup(Communicator& group) : ForwardingGroup(group, group.name()) {}
  /// The same with a name of its own, for the trace.
  ForwardingGroup(Communicator& group, const std::string& name)
      : Communicator(group.backend(), own_ledger_, group.rank(), group.size(), name),
        group_(group) {}

 protected:
  Communicator& group() const { return group_; }  // the other one

  Started start_sum(const Call& call, const Tensor& x) override;
  Started start_max(const Call& call, const Tensor& x) override;
  Started start_gather(const Call& call, const Tensor& all, const Tensor& piece,
                       Counts counts) override;
  Started start_scatter(const Call& call, const Tensor& part, const Tensor& term,
                        Counts counts) override;
  Started start_transpose(const Call& call, const Tensor& in, const Tensor& out, Counts to,
                          Counts from) override;
  Started start_broadcast(const Call& call, const Tensor& x, int root) override;
  Started start_exchange(const Call& call, const Tensor& out, int to, const Tensor& in,
                         int from) override;
  Started move_messages(std::span<const Message> messages, std::span<const Call> calls) override;
  Started start_barrier(const Call& call) override;
  std::unique_ptr<Communicator> make_part(const Call& call, int color,
                                          const std::string& name) override;
  std::vector<std::string> exchange_text(const Call& call, const std::string& mine) override;
  void announce(const Call&) override {}  // the group does
  bool compares() const override { return false; }

 private:
  Communicator& group_;
  Ledger own_ledger_;  // of calls that have been passed on
};

}  // namespace shard
