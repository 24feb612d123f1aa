#include "chapters/06_parallel_attention/parallel_attention.h"

#include <cmath>

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

//! [06-cut]
std::vector<Range> qkv_columns(int64_t width, int64_t heads, int ranks, int rank) {
  require_usage(width % heads == 0, "a width of ", width, " cannot be divided into ", heads,
                " heads");
  require_usage(heads % ranks == 0, heads, " heads cannot be divided evenly among ", ranks,
                " tensor-parallel ranks");
  // whole heads: ranks divides heads, heads divides width
  const Range part = part_of(width, ranks, rank);
  std::vector<Range> columns;
  for (int64_t matrix = 0; matrix < 3; ++matrix) {  // Q, K, V
    columns.push_back({matrix * width + part.begin, matrix * width + part.end});
  }
  return columns;
}
//! [06-cut]

ParallelAttention::ParallelAttention(Communicator& group, const std::string& name, int64_t width,
                                     int64_t heads, const Init& init, float projection_deviation)
    : qkv(group, name + ".c_attn", width, 3 * width,
          qkv_columns(width, heads, group.size(), group.rank()), init),
      projection(group, name + ".c_proj", width, width, init.with_weight(projection_deviation)),
      group_(group),
      heads_(heads),
      local_heads_(heads / group.size()),
      head_width_(width / heads) {}

//! [06-forward]
Tensor ParallelAttention::forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout,
                                  Kept& kept) const {
  TraceRange range(TraceRow::compute, "attention forward");
  kept.batch = batch;
  kept.dropout = dropout;
  const int64_t part = local_heads_ * head_width_;     // width/t
  const Tensor all = qkv.forward(x, kept.qkv);         // [tokens × 3·width/t]: Q_i K_i V_i
  const auto heads_from = [&](int64_t first_column) {  // [batch·heads/t × context × head_width]
    return split_heads(all, first_column, batch, local_heads_, head_width_);
  };
  kept.q = heads_from(0);
  kept.k = heads_from(part);
  kept.v = heads_from(2 * part);
  compute_probabilities(kept);
  Tensor heads(x.backend(), {x.rows(), part}, x.type());  // [tokens × width/t]
  merge_heads(heads, 0, matmul(lower(kept.dropped), kept.v));
  return projection.forward(heads, kept.projection);  // one all-reduce, bias once
}

void ParallelAttention::compute_probabilities(Kept& kept) const {
  kept.probabilities = causal_scores(kept.q, kept.k);  // [batch·heads/t × context × context]
  causal_softmax(kept.probabilities, 1.0f / std::sqrt(static_cast<float>(head_width_)));
  kept.dropped = with_dropout(kept.probabilities, kept);
}
//! [06-forward]

//! [06-backward]
Tensor ParallelAttention::backward(const Tensor& dz, const Kept& kept) {
  TraceRange range(TraceRow::compute, "attention backward");
  const int64_t part = local_heads_ * head_width_;
  const Tensor dheads = split_heads(projection.backward(dz, kept.projection), 0, kept.batch,
                                    local_heads_, head_width_);
  // d(probabilities): the same mask again
  Tensor dscores = with_dropout(causal_scores(dheads, kept.v), kept);
  causal_softmax_backward(dscores, kept.probabilities,
                          1.0f / std::sqrt(static_cast<float>(head_width_)));
  Tensor dqkv(dz.backend(), {dz.rows(), 3 * part}, dz.type());  // [tokens × 3·width/t]
  merge_heads(dqkv, 0, matmul(lower(dscores), kept.k));
  merge_heads(dqkv, part, matmul(transposed(lower(dscores)), kept.q));
  merge_heads(dqkv, 2 * part, matmul(transposed(lower(kept.dropped)), dheads));
  return qkv.backward(dqkv, kept.qkv);  // one all-reduce
}
//! [06-backward]

Tensor ParallelAttention::with_dropout(const Tensor& x, const Kept& kept) const {
  const auto& [probability, random, first_sequence] = kept.dropout;
  if (probability == 0.0f) return x;
  // The mask is one for [global batch × heads·context²]; this rank has its heads' columns of the
  // batch's rows.
  const int64_t per_head = x.shape()[1] * x.shape()[2];
  const Block block{first_sequence, group_.rank() * local_heads_ * per_head, heads_ * per_head};
  const Tensor rows = x.reshape({kept.batch, local_heads_ * per_head});
  return dropout(rows, probability, random, block).reshape(x.shape());
}

Parameters ParallelAttention::parameters() {
  Parameters all = qkv.parameters();
  append(all, projection.parameters());
  return all;
}

}  // namespace shard
