#include "chapters/12_generation/key_value_cache.h"

#include <cmath>

#include "common/tensor/ops.h"

namespace shard {

KeyValueCache make_cache(const ParallelAttention& attention, int64_t context) {
  const Tensor& weight = attention.qkv.weight.value;  // its device and type
  const Shape shape{attention.local_heads(), context, attention.head_width()};
  return {Tensor(weight.backend(), shape, weight.type()),
          Tensor(weight.backend(), shape, weight.type()), 0};
}

/// Writes the new rows [heads × new × head_width] after the `seen` that are in `all` [heads ×
/// context × head_width], and returns all rows so far [heads × seen + new × head_width].
static Tensor appended(const Tensor& all, int64_t seen, const Tensor& rows) {
  const int64_t heads = rows.shape()[0], count = rows.shape()[1], width = rows.shape()[2];
  Tensor by_head = all.reshape({heads, all.shape()[1] * width});
  set_columns(by_head, seen * width, rows.reshape({heads, count * width}));
  return columns_of(by_head, {0, (seen + count) * width}).reshape({heads, seen + count, width});
}

//! [12-attention]
Tensor forward_next(const ParallelAttention& attention, const Tensor& x, KeyValueCache& cache) {
  const int64_t heads = attention.local_heads(), head_width = attention.head_width();
  const int64_t part = heads * head_width;  // width/t
  require(cache.seen + x.rows() <= cache.keys.shape()[1], "the cache has room for ",
          cache.keys.shape()[1], " tokens, not for ", cache.seen + x.rows());
  ParallelAttention::Kept unused;                           // there is no backward pass
  const Tensor all = attention.qkv.forward(x, unused.qkv);  // [new × 3·width/t]: Q_i K_i V_i
  const auto heads_from = [&](int64_t first_column) {       // [heads/t × new × head_width]
    return split_heads(all, first_column, 1, heads, head_width);
  };
  // [heads/t × seen × head_width], the new ones included
  const Tensor keys = appended(cache.keys, cache.seen, heads_from(part));
  const Tensor values = appended(cache.values, cache.seen, heads_from(2 * part));
  cache.seen += x.rows();
  Tensor probabilities = matmul(heads_from(0), transposed(keys));  // [heads/t × new × seen]
  causal_softmax(probabilities, 1.0f / std::sqrt(static_cast<float>(head_width)));
  Tensor outputs(x.backend(), {x.rows(), part}, x.type());
  merge_heads(outputs, 0, matmul(probabilities, values));
  return attention.projection.forward(outputs, unused.projection);
}
//! [12-attention]

Tensor forward_next(const TransformerBlock& block, const Tensor& x, KeyValueCache& cache) {
  TransformerBlock::Kept unused;
  const Tensor normed = block.norm_1.forward(x, unused.norm_1);
  const Tensor u = add(x, forward_next(block.attention, normed, cache));
  return add(u, block.mlp.forward(block.norm_2.forward(u, unused.norm_2), unused.mlp));
}

CachedGpt::CachedGpt(const Gpt& model) : model_(model) {
  require(model.stage().embedding && model.stage().head, "generation needs a whole model");
  for (const auto& block : model.blocks)
    caches_.push_back(make_cache(block->attention, model.sizes().context));
}

//! [12-model]
Tensor CachedGpt::next_logits(const Tensor& tokens) {
  const Range positions{seen_, seen_ + tokens.elements()};
  require(positions.end <= model_.sizes().context, "the cache has room for ",
          model_.sizes().context, " tokens, not for ", positions.end);
  Gpt::Kept unused;
  // [new × width]
  Tensor x = model_.token_embedding->forward(tokens, unused.token_embedding);
  accumulate(x, (*model_.position_embedding->use()).slice(positions));
  for (size_t i = 0; i < caches_.size(); ++i) x = forward_next(*model_.blocks[i], x, caches_[i]);
  seen_ = positions.end;
  const Tensor last =
      model_.final_norm->forward(x.slice({x.rows() - 1, x.rows()}), unused.final_norm);
  return matmul(last, transposed(*model_.token_embedding->weight.use()));
}
//! [12-model]

void CachedGpt::forget() {
  seen_ = 0;
  for (KeyValueCache& cache : caches_) cache.seen = 0;
}

}  // namespace shard
