#include "chapters/20_context_parallel/ulysses_attention.h"

#include "chapters/20_context_parallel/block_attention.h"
#include "common/tensor/ops.h"

namespace shard {
namespace {

/// All tokens of the sequences as queries and as keys.
ScoreBlock whole(const CutSequences& sequences) {
  const Chunk all{{0, sequences.context}};
  return {all, all};
}

}  // namespace

void UlyssesAttention::require_heads(int64_t heads) const {
  require_usage(heads % group_.size() == 0, "Ulysses: ", heads,
                " heads of a tensor-parallel rank cannot be divided evenly among ", group_.size(),
                " context-parallel ranks");
}

//! [20-ulysses]
Tensor UlyssesAttention::to_heads(const Tensor& x, int64_t matrices,
                                  const RowsInOrder& order) const {
  const int64_t c = group_.size(), rows = x.rows(), each = x.columns() / matrices / c;
  Tensor parts(x.backend(), {c * rows, matrices * each}, x.type());  // for rank 0, then rank 1, …
  for (int64_t to = 0; to < c; ++to) {
    Tensor part = parts.slice({to * rows, (to + 1) * rows});
    for (int64_t matrix = 0; matrix < matrices; ++matrix) {
      const int64_t first = (matrix * c + to) * each;
      set_columns(part, matrix * each, columns_of(x, {first, first + each}));
    }
  }
  const std::vector<int64_t> same(static_cast<size_t>(c), rows);
  return order.by_position(group_.all_to_all(parts, same, order.of_ranks()));
}

Tensor UlyssesAttention::to_tokens(const Tensor& x, int64_t matrices,
                                   const RowsInOrder& order) const {
  const int64_t c = group_.size(), each = x.columns() / matrices;
  const int64_t rows = order.of_ranks()[static_cast<size_t>(group_.rank())];
  const std::vector<int64_t> same(static_cast<size_t>(c), rows);
  const Tensor parts = group_.all_to_all(order.by_rank(x), order.of_ranks(), same);
  Tensor all(x.backend(), {rows, c * x.columns()}, x.type());
  for (int64_t from = 0; from < c; ++from) {
    const Tensor part = parts.slice({from * rows, (from + 1) * rows});
    for (int64_t matrix = 0; matrix < matrices; ++matrix)
      set_columns(all, (matrix * c + from) * each,
                  columns_of(part, {matrix * each, (matrix + 1) * each}));
  }
  return all;
}

Tensor UlyssesAttention::forward(const Tensor& qkv, const CutSequences& sequences,
                                 Kept& kept) const {
  require_heads(sequences.heads);
  const RowsInOrder order(qkv.backend(), cut_, sequences);
  const CutSequences own = own_heads(sequences);
  kept.qkv = to_heads(qkv, 3, order);  // [batch·context × 3·width/c]
  const int64_t width = kept.qkv.columns() / 3;
  kept.result = attend(kept.qkv, columns_of(kept.qkv, {width, 3 * width}), whole(own), own);
  return to_tokens(kept.result.output, 1, order);
}

Tensor UlyssesAttention::backward(const Tensor& dout, const CutSequences& sequences,
                                  const Kept& kept) const {
  const RowsInOrder order(dout.backend(), cut_, sequences);
  const CutSequences own = own_heads(sequences);
  const Tensor own_dout = to_heads(dout, 1, order);  // [batch·context × width/c]
  const int64_t width = own_dout.columns();
  const Tensor kv = columns_of(kept.qkv, {width, 3 * width});
  Tensor dq = Tensor::zeros(dout.backend(), own_dout.shape()),
         dkv = Tensor::zeros(dout.backend(), kv.shape());
  add_gradients(dq, dkv, own_dout, kept.qkv, kv, whole(own), own, kept.result);
  return to_tokens(side_by_side(dq, dkv, dout.type()), 3, order);
}
//! [20-ulysses]

CutSequences UlyssesAttention::own_heads(const CutSequences& sequences) const {
  CutSequences own = sequences;
  own.heads /= group_.size();
  own.dropout.heads = own.heads;
  own.dropout.first_head += group_.rank() * own.heads;
  return own;
}

}  // namespace shard
