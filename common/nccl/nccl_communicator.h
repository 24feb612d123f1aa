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
  Started start_barrier(const Call& call) override { return group_->ranks().start_barrier(call); }
  std::unique_ptr<Communicator> make_part(const Call& call, int color,
                                          const std::string& name) override;
  std::vector<std::string> exchange_text(const Call& call, const std::string& mine) override {
    return group_->ranks().gather_text(call, mine);
  }
  void announce(const Call& call) override { group_->ranks().announce(call); }
  bool compares() const override { return group_->ranks().settings().check_collectives; }

 private:
  using Start = std::function<ncclResult_t(ncclComm_t, cudaStream_t)>;
  NcclCommunicator(Ledger& ledger, std::unique_ptr<NcclGroup> group);
  Started enqueue(const Call& call, const char* name, std::vector<Tensor> tensors,
                  const Start& start);
  Started start_reduction(const Call& call, const Tensor& x, ncclRedOp_t op);

  std::unique_ptr<NcclGroup> group_;
};

}  // namespace shard
