// expect: your dv is computed with another mask than that of the forward pass: of another random stream
#include <cmath>

#include "exercises/14_recompute/1_attention_again.h"

namespace shard {

QkvGradients attention_backward_again(const Tensor& dheads, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const ProbabilityPlan& plan) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(q.columns()));
  Tensor p = causal_scores(q, k);
  causal_softmax(p, scale);
  ProbabilityPlan again = plan;
  ++again.random.stream;
  const Tensor dropped = with_dropout(p, again);
  Tensor ds = with_dropout(causal_scores(dheads, v), again);
  causal_softmax_backward(ds, p, scale);
  return {matmul(lower(ds), k), matmul(transposed(lower(ds)), q),
          matmul(transposed(lower(dropped)), dheads)};
}

}  // namespace shard
