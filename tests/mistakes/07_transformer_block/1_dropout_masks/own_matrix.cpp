// expect: your dropout(GeLU(H)) is masked as if this rank's part were a whole matrix
#include "common/tensor/ops.h"
#include "exercises/07_transformer_block/1_dropout_masks.h"

namespace shard {

Tensor gelu_dropout(Communicator& group, const Tensor& h, int64_t hidden, const DropoutPlan& plan) {
  return dropout(gelu(h), plan.probability, plan.random, {0, 0, h.columns()});
}

Tensor gelu_dropout_backward(Communicator& group, const Tensor& h, const Tensor& dy, int64_t hidden,
                             const DropoutPlan& plan) {
  return gelu_backward(h, dropout(dy, plan.probability, plan.random, {0, 0, h.columns()}));
}

Tensor sequence_dropout(Communicator& group, const Tensor& x, int64_t tokens,
                        const DropoutPlan& plan) {
  return dropout(x, plan.probability, plan.random, {0, 0, x.columns()});
}

}  // namespace shard
