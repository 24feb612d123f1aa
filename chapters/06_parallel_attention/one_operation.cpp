#include "chapters/06_parallel_attention/one_operation.h"

#include <cmath>

#include "common/tensor/attention.h"
#include "common/tensor/ops.h"

namespace shard::chapter_06 {

void check_one_operation(Report& report, Trial& trial, const AttentionDropout& dropout,
                         const Tensor& y, const Tensor& dx) {
  const auto [batch, context, heads, width] = trial.sizes;
  const Parameters parameters = trial.unsplit.parameters();  // A, its bias, B, its bias
  const Tensor &a = parameters[0]->value, &b = parameters[2]->value;
  const auto split = [&, n = batch, h = heads, w = width](const Tensor& x, int64_t first_column) {
    return split_heads(x, first_column, n, h, w / h);
  };
  const AttentionSettings settings{.scale = 1.0f / std::sqrt(static_cast<float>(width / heads)),
                                   .dropout = {.probability = dropout.probability,
                                               .random = dropout.random,
                                               .first_sequence = dropout.first_sequence,
                                               .heads = heads,
                                               .all_heads = heads,
                                               .context = context}};

  Tensor qkv = matmul(trial.x, a);  // [tokens × 3·width]
  add_bias(qkv, parameters[1]->value);
  const Tensor q = split(qkv, 0), k = split(qkv, width), v = split(qkv, 2 * width);
  const AttentionResult result = attention(q, k, v, settings);
  Tensor merged(y.backend(), y.shape());
  merge_heads(merged, 0, result.output);
  Tensor z = matmul(merged, b);
  add_bias(z, parameters[3]->value);
  report.check("attention as one operation gives the same Y", reference::relative_error(z, y),
               1e-5);

  const Tensor dheads = split(matmul(trial.dy, transposed(b)), 0);
  const AttentionGradients gradients = attention_backward(dheads, q, k, v, result, settings);
  Tensor dqkv(qkv.backend(), qkv.shape());
  merge_heads(dqkv, 0, gradients.dq);
  merge_heads(dqkv, width, gradients.dk);
  merge_heads(dqkv, 2 * width, gradients.dv);
  report.check("attention as one operation gives the same dX",
               reference::relative_error(matmul(dqkv, transposed(a)), dx), 1e-5);
}

}  // namespace shard::chapter_06
