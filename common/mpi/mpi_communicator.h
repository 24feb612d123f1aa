// MpiCommunicator: the collectives by MPI's non-blocking calls, each waited for by MpiGroup's
// watchful wait.
#pragma once
#include "common/mpi/mpi_group.h"

namespace shard {

class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator(Backend& backend, Ledger& ledger, std::unique_ptr<MpiGroup> group);

 protected:
  std::unique_ptr<Work> start_sum(Tensor& x) override;
  std::unique_ptr<Work> start_max(Tensor& x) override;
  std::unique_ptr<Work> start_gather(Tensor& all, const Tensor& piece,
                                     std::span<const int64_t> counts) override;
  std::unique_ptr<Work> start_scatter(Tensor& part, const Tensor& term,
                                      std::span<const int64_t> counts) override;
  std::unique_ptr<Work> start_broadcast(Tensor& x, int root) override;
  std::unique_ptr<Work> start_exchange(const Tensor& out, int to, Tensor& in, int from) override;
  std::unique_ptr<Work> start_barrier() override { return group_->start_barrier(); }
  std::unique_ptr<Communicator> make_part(int color, const std::string& name) override;
  std::vector<std::string> exchange_text(const std::string& mine) override {
    return group_->gather_text(mine);
  }
  void announce(const Call& call) override { group_->announce(call); }

 private:
  std::unique_ptr<MpiGroup> group_;
};

}  // namespace shard
