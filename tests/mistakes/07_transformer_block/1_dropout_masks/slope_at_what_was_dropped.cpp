// expect: your dH is computed with GeLU's derivative at dropout(H): it is taken at H
#include "common/tensor/ops.h"
#include "exercises/07_transformer_block/1_dropout_masks.h"

namespace shard {

Tensor gelu_dropout(Communicator& group, const Tensor& h, int64_t hidden, const DropoutPlan& plan) {
  return dropout(gelu(h), plan.probability, plan.random,
                 {plan.first_token, part_of(hidden, group.size(), group.rank()).begin, hidden});
}

Tensor gelu_dropout_backward(Communicator& group, const Tensor& h, const Tensor& dy, int64_t hidden,
                             const DropoutPlan& plan) {
  const Block block{plan.first_token, part_of(hidden, group.size(), group.rank()).begin, hidden};
  const Tensor dropped = dropout(h, plan.probability, plan.random, block);
  return gelu_backward(dropped, dropout(dy, plan.probability, plan.random, block));
}

Tensor sequence_dropout(Communicator& group, const Tensor& x, int64_t tokens,
                        const DropoutPlan& plan) {
  return dropout(x, plan.probability, plan.random,
                 {plan.first_token + part_of(tokens, group.size(), group.rank()).begin, 0,
                  x.columns()});
}

}  // namespace shard
