#include "common/tensor/attention.h"

#include "common/tensor/op_checks.h"

namespace shard {

using namespace op_checks;

static Shape shape_of(const Heads& x) { return {x.matrices, x.rows, x.width}; }

static void same_heads(const char* op, const Heads& a, const Heads& b) {
  require(shape_of(a) == shape_of(b), op, ": shapes ", shape_of(a), " and ", shape_of(b),
          " differ");
}

static void is_attention(const char* op, const Heads& q, const Heads& k, const Heads& v,
                         const AttentionSettings& settings) {
  require(q.matrices == k.matrices && q.width == k.width, op, ": queries ", shape_of(q),
          " and keys ", shape_of(k),
          " are not [matrices × rows × head_width] with the same matrices and head_width");
  same_heads(op, k, v);
  one_type(op, q.memory, k.memory, v.memory);
  const ProbabilityDropout& dropout = settings.dropout;
  require(dropout.probability >= 0.0f && dropout.probability < 1.0f, op,
          ": the dropout's probability ", dropout.probability, " is not in [0, 1)");
  if (dropout.probability == 0.0f) return;
  require(dropout.heads > 0 && q.matrices % dropout.heads == 0 && dropout.first_head >= 0 &&
              dropout.first_head + dropout.heads <= dropout.all_heads,
          op, ": ", q.matrices, " matrices are not sequences of heads ", dropout.first_head, " to ",
          dropout.first_head + dropout.heads, " of ", dropout.all_heads);
  const int64_t end = std::max(settings.first_query + q.rows, settings.first_key + k.rows);
  require(settings.first_query >= 0 && settings.first_key >= 0 && end <= dropout.context, op,
          ": queries from position ", settings.first_query, " and keys from position ",
          settings.first_key, " end at position ", end, " of a context of ", dropout.context);
}

Heads AttentionResult::heads() const {
  if (output.shape().rank() == 3) return output;
  const int64_t queries = std::max<int64_t>(log_sum_exp.columns(), 1),
                batch = std::max<int64_t>(output.rows() / queries, 1),
                heads = std::max<int64_t>(log_sum_exp.rows() / batch, 1);
  return heads_in_columns(output, 0, batch, heads, output.columns() / heads);
}

/// The result belongs to queries of this shape.
static void is_result_of(const char* op, const AttentionResult& result, const Heads& q) {
  is_f32(op, result.log_sum_exp);
  same_heads(op, result.heads(), q);
  has(op, "the log-sum-exp", result.log_sum_exp, q.matrices * q.rows);
}

/// Memory for the output: all heads of a token side by side where those of q lie so.
static Tensor output_for(const Heads& q) {
  const bool in_columns = q.memory.shape().rank() == 2;
  const int64_t heads = q.steps.heads;
  const Shape shape =
      in_columns ? Shape{q.matrices / heads * q.rows, heads * q.width} : shape_of(q);
  return Tensor(q.memory.backend(), shape, q.type());
}

/// Of one product between vectors of queries and of keys, for the keys that each query sees.
static int64_t flops_of_product(const Heads& q, const Heads& k, const AttentionSettings& settings) {
  int64_t pairs = 0;
  for (int64_t query = 0; query < q.rows; ++query) pairs += settings.seen_keys(query, k.rows);
  return 2 * q.matrices * pairs * q.width;
}

AttentionResult attention(const Heads& q, const Heads& k, const Heads& v,
                          const AttentionSettings& settings) {
  is_attention("attention", q, k, v, settings);
  Backend& backend = backend_of("attention", q.memory, k.memory, v.memory);
  AttentionResult result{output_for(q), Tensor(backend, {q.matrices, q.rows})};
  backend.attention(result.heads(), result.log_sum_exp, q, k, v, settings);
  backend.count_flops(2 * flops_of_product(q, k, settings));  // q·kᵀ and p·v
  return result;
}

void merge(AttentionResult& into, const AttentionResult& part) {
  const Heads from = part.heads();
  is_result_of("merge", into, from);
  is_result_of("merge", part, from);
  one_type("merge", part.output);
  if (into.output.type() != DataType::f32) one_type("merge", into.output, part.output);
  backend_of("merge", into.output, into.log_sum_exp, part.output, part.log_sum_exp)
      .merge_attention(into.heads(), into.log_sum_exp, from, part.log_sum_exp);
}

void attention_backward(const Heads& dq, const Heads& dk, const Heads& dv, const Heads& dout,
                        const Heads& q, const Heads& k, const Heads& v,
                        const AttentionResult& whole, const AttentionSettings& settings) {
  constexpr const char* op = "attention_backward";
  is_attention(op, q, k, v, settings);
  is_result_of(op, whole, q);
  same_heads(op, dout, q);
  same_heads(op, dq, q);
  same_heads(op, dk, k);
  same_heads(op, dv, k);
  one_type(op, q.memory, dout.memory, whole.output);
  one_type(op, q.memory, dq.memory, dk.memory, dv.memory);
  Backend& backend = backend_of(op, q.memory, k.memory, v.memory, dout.memory, whole.output,
                                whole.log_sum_exp, dq.memory, dk.memory, dv.memory);
  backend.attention_backward(dq, dk, dv, dout, q, k, v, whole.heads(), whole.log_sum_exp, settings);
  backend.count_flops(5 * flops_of_product(q, k, settings));  // q·kᵀ again, dp, dq, dk and dv
}

AttentionGradients attention_backward(const Heads& dout, const Heads& q, const Heads& k,
                                      const Heads& v, const AttentionResult& whole,
                                      const AttentionSettings& settings) {
  const auto gradient_of = [](const Heads& x) {
    return Tensor(x.memory.backend(), shape_of(x), x.type());
  };
  AttentionGradients gradients{gradient_of(q), gradient_of(k), gradient_of(v)};
  attention_backward(gradients.dq, gradients.dk, gradients.dv, dout, q, k, v, whole, settings);
  return gradients;
}

}  // namespace shard
