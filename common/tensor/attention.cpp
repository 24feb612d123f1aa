#include "common/tensor/attention.h"

#include "common/tensor/op_checks.h"

namespace shard {

using namespace op_checks;

static void is_attention(const char* op, const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionSettings& settings) {
  const Shape &of_q = q.shape(), &of_k = k.shape();
  require(of_q.rank() == 3 && of_k.rank() == 3 && of_q[0] == of_k[0] && of_q[2] == of_k[2], op,
          ": queries ", of_q, " and keys ", of_k,
          " are not [matrices × rows × head_width] with the same matrices and head_width");
  same_shape(op, k, v);
  one_type(op, q, k, v);
  const ProbabilityDropout& dropout = settings.dropout;
  require(dropout.probability >= 0.0f && dropout.probability < 1.0f, op,
          ": the dropout's probability ", dropout.probability, " is not in [0, 1)");
  if (dropout.probability == 0.0f) return;
  require(dropout.heads > 0 && of_q[0] % dropout.heads == 0 && dropout.first_head >= 0 &&
              dropout.first_head + dropout.heads <= dropout.all_heads,
          op, ": ", of_q[0], " matrices are not sequences of heads ", dropout.first_head, " to ",
          dropout.first_head + dropout.heads, " of ", dropout.all_heads);
  const int64_t end = std::max(settings.first_query + of_q[1], settings.first_key + of_k[1]);
  require(settings.first_query >= 0 && settings.first_key >= 0 && end <= dropout.context, op,
          ": queries from position ", settings.first_query, " and keys from position ",
          settings.first_key, " end at position ", end, " of a context of ", dropout.context);
}

/// The result belongs to queries of this shape.
static void is_result_of(const char* op, const AttentionResult& result, const Tensor& q) {
  same_shape(op, result.output, q);
  has(op, "the log-sum-exp", result.log_sum_exp, q.rows());
  is_f32(op, result.log_sum_exp);
}

AttentionResult attention(const Tensor& q, const Tensor& k, const Tensor& v,
                          const AttentionSettings& settings) {
  is_attention("attention", q, k, v, settings);
  Backend& backend = backend_of("attention", q, k, v);
  AttentionResult result{like(q), Tensor(backend, {q.shape()[0], q.shape()[1]})};
  backend.attention(result.output, result.log_sum_exp, q, k, v, settings);
  return result;
}

void merge(AttentionResult& into, const AttentionResult& part) {
  is_result_of("merge", into, part.output);
  is_result_of("merge", part, part.output);
  one_type("merge", part.output);
  if (into.output.type() != DataType::f32) one_type("merge", into.output, part.output);
  backend_of("merge", into.output, into.log_sum_exp, part.output, part.log_sum_exp)
      .merge_attention(into.output, into.log_sum_exp, part.output, part.log_sum_exp);
}

AttentionGradients attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionResult& whole,
                                      const AttentionSettings& settings) {
  is_attention("attention_backward", q, k, v, settings);
  is_result_of("attention_backward", whole, q);
  same_shape("attention_backward", dout, q);
  one_type("attention_backward", q, dout, whole.output);
  Backend& backend =
      backend_of("attention_backward", q, k, v, dout, whole.output, whole.log_sum_exp);
  AttentionGradients gradients{like(q), like(k), like(v)};
  backend.attention_backward(gradients.dq, gradients.dk, gradients.dv, dout, q, k, v, whole.output,
                             whole.log_sum_exp, settings);
  return gradients;
}

}  // namespace shard
