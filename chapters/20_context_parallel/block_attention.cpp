#include "chapters/20_context_parallel/block_attention.h"

#include <cmath>

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {
namespace {

/// `heads` heads in columns first_column … of some rows.
Heads heads_of(const Tensor& rows, int64_t first_column, int64_t width, const CutSequences& s) {
  return heads_in_columns(rows, first_column, s.batch, s.heads, width / s.heads);
}

AttentionSettings settings_of(const ScoreBlock& block, int64_t width, const CutSequences& s) {
  return {.scale = 1.0f / std::sqrt(static_cast<float>(width / s.heads)),
          .first_query = block.queries.positions.begin,
          .first_key = block.keys.positions.begin,
          .dropout = s.dropout};
}

void add_to(Tensor sum, const Tensor& part) {  // sum: a view
  accumulate(sum, part.type() == DataType::f32 ? part : cast(part, DataType::f32));
}

}  // namespace

AttentionResult attend(const Tensor& qkv, const Tensor& kv, const ScoreBlock& block,
                       const CutSequences& sequences) {
  const TraceRange range(TraceRow::compute, "attend");
  const int64_t width = kv.columns() / 2;
  const Tensor q_rows = qkv.slice(block.queries.rows(sequences.batch)),
               kv_rows = kv.slice(block.keys.rows(sequences.batch));
  return attention(heads_of(q_rows, 0, width, sequences), heads_of(kv_rows, 0, width, sequences),
                   heads_of(kv_rows, width, width, sequences),
                   settings_of(block, width, sequences));
}

void add_gradients(Tensor& dq, Tensor& dkv, const Tensor& dout, const Tensor& qkv, const Tensor& kv,
                   const ScoreBlock& block, const CutSequences& sequences,
                   const AttentionResult& whole) {
  const TraceRange range(TraceRow::compute, "attend backward");
  const int64_t width = dout.columns();
  const Range queries = block.queries.rows(sequences.batch),
              keys = block.keys.rows(sequences.batch);
  const Tensor q_rows = qkv.slice(queries), kv_rows = kv.slice(keys),
               dout_rows = dout.slice(queries);
  const Tensor dq_part(dq.backend(), dout_rows.shape(), dout.type()),
      dkv_part(dq.backend(), kv_rows.shape(), dout.type());
  const auto heads = [&](const Tensor& rows, int64_t first_column) {
    return heads_of(rows, first_column, width, sequences);
  };
  attention_backward(heads(dq_part, 0), heads(dkv_part, 0), heads(dkv_part, width),
                     heads(dout_rows, 0), heads(q_rows, 0), heads(kv_rows, 0),
                     heads(kv_rows, width), part_of_joined(whole, block.queries, sequences),
                     settings_of(block, width, sequences));
  add_to(dq.slice(queries), dq_part);
  add_to(dkv.slice(keys), dkv_part);
}

Tensor side_by_side(const Tensor& dq, const Tensor& dkv, DataType type) {
  Tensor all(dq.backend(), {dq.rows(), dq.columns() + dkv.columns()});
  set_columns(all, 0, dq);
  set_columns(all, dq.columns(), dkv);
  return type == DataType::f32 ? all : cast(all, type);
}

void ChunkResults::add(const Chunk& queries, AttentionResult part) {
  AttentionResult& sum = results_[queries.before == 0 ? 0 : 1];
  if (sum.output) return merge(sum, part);
  sum = std::move(part);
  if (sum.output.type() != DataType::f32) sum.output = cast(sum.output, DataType::f32);
}

AttentionResult ChunkResults::joined(const CutSequences& sequences, DataType type) const {
  const Tensor& first = results_.front().output;
  const int64_t rows = chunks_.back().rows(sequences.batch).end;
  const AttentionResult all{Tensor(first.backend(), {rows, first.columns()}, type),
                            Tensor(first.backend(), {rows * sequences.heads})};
  for (size_t i = 0; i < chunks_.size(); ++i) {
    AttentionResult place = part_of_joined(all, chunks_[i], sequences);
    copy(place.output, results_[i].output);
    copy(place.log_sum_exp, results_[i].log_sum_exp);
  }
  return all;
}

AttentionResult part_of_joined(const AttentionResult& joined, const Chunk& queries,
                               const CutSequences& sequences) {
  const Range rows = queries.rows(sequences.batch);
  const int64_t heads = sequences.heads;
  return {joined.output.slice(rows),
          joined.log_sum_exp.reshape({joined.log_sum_exp.elements()})
              .slice({rows.begin * heads, rows.end * heads})
              .reshape({sequences.batch * heads, queries.positions.size()})};
}

}  // namespace shard
