// expect: ranks 0, 1, 2: your dropout(GeLU(H)) is masked by random numbers of this rank's own
#include "common/tensor/ops.h"
#include "exercises/07_transformer_block/1_dropout_masks.h"

namespace shard {

static RandomStream of_rank(const DropoutPlan& plan, const Communicator& group) {
  return {plan.random.seed, plan.random.stream + static_cast<uint64_t>(group.rank())};
}

Tensor gelu_dropout(Communicator& group, const Tensor& h, int64_t hidden, const DropoutPlan& plan) {
  return dropout(gelu(h), plan.probability, of_rank(plan, group), {0, 0, h.columns()});
}

Tensor gelu_dropout_backward(Communicator& group, const Tensor& h, const Tensor& dy, int64_t hidden,
                             const DropoutPlan& plan) {
  return gelu_backward(h, dropout(dy, plan.probability, of_rank(plan, group), {0, 0, h.columns()}));
}

Tensor sequence_dropout(Communicator& group, const Tensor& x, int64_t tokens,
                        const DropoutPlan& plan) {
  return dropout(x, plan.probability, of_rank(plan, group), {0, 0, x.columns()});
}

}  // namespace shard
