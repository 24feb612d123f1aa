// NcclCommunicator: the collectives by NCCL, on GPUs of their own. They run in the communication
// stream beside what is computed, and are waited for by ordering the streams: the host goes on.
#pragma once
#include "common/nccl/nccl_group.h"

namespace shard {

std::string nccl_name();  // "NCCL 2.28.9"
/// From NCCL 2.30 on, if NCCL_MULTI_RANK_GPU_ENABLE=1 is set.
bool nccl_takes_ranks_that_share_a_device();

class NcclCommunicator : public Communicator {
 public:
  /// Of two ranks or more. Collective.
  NcclCommunicator(CudaBackend& device, Ledger& ledger, std::unique_ptr<MpiGroup> ranks);

 protected:
  std::unique_ptr<Work> start_sum(Tensor& x) override;
  std::unique_ptr<Work> start_max(Tensor& x) override;
  std::unique_ptr<Work> start_gather(Tensor& all, const Tensor& piece,
                                     std::span<const int64_t> counts) override;
  std::unique_ptr<Work> start_scatter(Tensor& part, const Tensor& term,
                                      std::span<const int64_t> counts) override;
  std::unique_ptr<Work> start_broadcast(Tensor& x, int root) override;
  std::unique_ptr<Work> start_exchange(const Tensor& out, int to, Tensor& in, int from) override;
  std::unique_ptr<Work> start_barrier() override { return group_->ranks().start_barrier(); }
  std::unique_ptr<Communicator> make_part(int color, const std::string& name) override;
  std::vector<std::string> exchange_text(const std::string& mine) override {
    return group_->ranks().gather_text(mine);
  }
  void announce(const Call& call) override;

 private:
  NcclCommunicator(Ledger& ledger, std::unique_ptr<NcclGroup> group);
  std::unique_ptr<Work> start_reduction(Tensor& x, ncclRedOp_t op);

  std::unique_ptr<NcclGroup> group_;
  Call call_{};  // the last that was announced
};

}  // namespace shard
