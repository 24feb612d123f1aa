// GroupOfOne: a communicator of one rank. Nothing is sent: what it sums and broadcasts is there
// already, and what it gathers, scatters and sends to itself is copied on its device.
#pragma once
#include "common/comm/communicator.h"

namespace shard {

/// A group of this rank alone: with it, every layer is its own unsplit reference.
class GroupOfOne : public Communicator {
 public:
  /// Backend and ledger must outlive it; `name` is what the ledger calls it.
  GroupOfOne(Backend& backend, Ledger& ledger, std::string name)
      : Communicator(backend, ledger, 0, 1, std::move(name)) {}

 protected:
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
  std::vector<std::string> exchange_text(const Call&, const std::string& mine) override {
    return {mine};
  }
  void announce(const Call&) override {}  // there is nobody to tell
  bool compares() const override { return false; }
};

}  // namespace shard
