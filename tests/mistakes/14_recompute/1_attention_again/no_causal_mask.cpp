// expect: your dv is computed with probabilities over all keys: the causal mask is missing
#include <cmath>

#include "exercises/14_recompute/1_attention_again.h"

namespace shard {

QkvGradients attention_backward_again(const Tensor& dheads, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const ProbabilityPlan& plan) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(q.columns()));
  Tensor p = matmul(q, transposed(k));
  const Tensor rows = p.reshape({p.elements() / p.columns(), p.columns()});
  Tensor in_place = rows;
  shard::scale(in_place, scale);
  const Tensor sums = exp_and_row_sum(in_place, row_max(rows, rows.columns()), rows.columns());
  std::vector<float> values = rows.to_host();
  const std::vector<float> divisors = sums.to_host();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] /= divisors[i / static_cast<size_t>(p.columns())];
  p.assign(values);
  const Tensor dropped = with_dropout(p, plan);
  Tensor ds = with_dropout(matmul(dheads, transposed(v)), plan);
  causal_softmax_backward(ds, p, scale);
  return {matmul(ds, k), matmul(transposed(ds), q), matmul(transposed(dropped), dheads)};
}

}  // namespace shard
