// expect: your dH is computed with the arguments of gelu_backward exchanged
#include "common/tensor/ops.h"
#include "exercises/07_transformer_block/1_dropout_masks.h"

namespace shard {
static Block block_of_columns(const Communicator& group, int64_t hidden, const DropoutPlan& plan) {
  return {plan.first_token, part_of(hidden, group.size(), group.rank()).begin, hidden};
}

Tensor gelu_dropout(Communicator& group, const Tensor& h, int64_t hidden, const DropoutPlan& plan) {
  return dropout(gelu(h), plan.probability, plan.random, block_of_columns(group, hidden, plan));
}

Tensor gelu_dropout_backward(Communicator& group, const Tensor& h, const Tensor& dy, int64_t hidden,
                             const DropoutPlan& plan) {
  const Block block = block_of_columns(group, hidden, plan);
  return gelu_backward(dropout(dy, plan.probability, plan.random, block), h);
}

Tensor sequence_dropout(Communicator& group, const Tensor& x, int64_t tokens,
                        const DropoutPlan& plan) {
  const int64_t first_row = plan.first_token + part_of(tokens, group.size(), group.rank()).begin;
  return dropout(x, plan.probability, plan.random, {first_row, 0, x.columns()});
}

}  // namespace shard
