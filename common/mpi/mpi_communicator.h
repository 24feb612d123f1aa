// MpiCommunicator: the collectives and messages by MPI's non-blocking calls, each waited for by
// MpiGroup's watchful wait.
#pragma once
#include "common/mpi/mpi_group.h"

namespace shard {

class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator(Backend& backend, Ledger& ledger, std::unique_ptr<MpiGroup> group);

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
  Started start_barrier(const Call& call) override { return group_->start_barrier(call); }
  std::unique_ptr<Communicator> make_part(const Call& call, int color,
                                          const std::string& name) override;
  std::vector<std::string> exchange_text(const Call& call, const std::string& mine) override {
    return group_->gather_text(call, mine);
  }
  void announce(const Call& call) override { group_->announce(call); }
  bool compares() const override { return group_->settings().check_collectives; }

 private:
  std::unique_ptr<MpiGroup> group_;
};

}  // namespace shard
