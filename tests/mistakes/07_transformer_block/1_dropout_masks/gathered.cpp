// expect: 1 all_gather on world where none is allowed
#include "common/tensor/ops.h"
#include "exercises/07_transformer_block/1_dropout_masks.h"

namespace shard {

Tensor gelu_dropout(Communicator& group, const Tensor& h, int64_t hidden, const DropoutPlan& plan) {
  return dropout(gelu(h), plan.probability, plan.random,
                 {plan.first_token, part_of(hidden, group.size(), group.rank()).begin, hidden});
}

Tensor gelu_dropout_backward(Communicator& group, const Tensor& h, const Tensor& dy, int64_t hidden,
                             const DropoutPlan& plan) {
  return gelu_backward(
      h, dropout(dy, plan.probability, plan.random,
                 {plan.first_token, part_of(hidden, group.size(), group.rank()).begin, hidden}));
}

Tensor sequence_dropout(Communicator& group, const Tensor& x, int64_t tokens,
                        const DropoutPlan& plan) {
  const Tensor all = group.all_gather(x, part_sizes(tokens, group.size()));
  const Tensor y = dropout(all, plan.probability, plan.random, {plan.first_token, 0, x.columns()});
  return y.slice(part_of(tokens, group.size(), group.rank()));
}

}  // namespace shard
