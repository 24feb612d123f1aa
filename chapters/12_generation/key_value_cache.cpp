#include "chapters/12_generation/key_value_cache.h"

#include <cmath>

#include "common/tensor/attention.h"
#include "common/tensor/ops.h"

namespace shard {

KeyValueCache make_cache(const ParallelAttention& attention, int64_t room) {
  const Tensor& weight = attention.qkv.weight.value;  // its device and type
  const Shape shape{attention.local_heads(), room, attention.head_width()};
  return {Tensor(weight.backend(), shape, weight.type()),
          Tensor(weight.backend(), shape, weight.type()), 0};
}

static void require_room(int64_t room, int64_t tokens) {
  require(tokens <= room, "the cache has room for ", room, " tokens, not for ", tokens);
}

/// Writes the new rows [heads × new × head_width] after the `seen` that are in `all` [heads × room
/// × head_width].
static void add_rows(const Tensor& all, int64_t seen, const Tensor& rows) {
  const int64_t heads = rows.shape()[0], count = rows.shape()[1], width = rows.shape()[2];
  Tensor by_head = all.reshape({heads, all.shape()[1] * width});
  set_columns(by_head, seen * width, rows.reshape({heads, count * width}));
}

//! [12-attention]
/// qkv [new × 3·width/t], of one sequence: its next Q_i K_i V_i → [new × width/t].
static Tensor attend(const Tensor& qkv, int64_t heads, int64_t head_width, KeyValueCache& cache) {
  const int64_t part = heads * head_width;  // width/t
  add_rows(cache.keys, cache.seen, split_heads(qkv, part, 1, heads, head_width));
  add_rows(cache.values, cache.seen, split_heads(qkv, 2 * part, 1, heads, head_width));
  const Heads queries = heads_in_columns(qkv, 0, 1, heads, head_width);
  // the mask: a query sees the keys up to its own position, and nothing of the room behind them
  const AttentionSettings settings{.scale = 1.0f / std::sqrt(static_cast<float>(head_width)),
                                   .first_query = cache.seen};
  cache.seen += qkv.rows();
  return attention(queries, cache.keys, cache.values, settings).output;
}

Tensor forward_next(const ParallelAttention& layer, const Tensor& x,
                    std::span<const NextRows> parts) {
  for (const auto& [rows, cache] : parts)
    require_room(cache->keys.shape()[1], cache->seen + rows.size());
  ParallelAttention::Kept unused;                       // there is no backward pass
  const Tensor all = layer.qkv.forward(x, unused.qkv);  // [new × 3·width/t]: Q_i K_i V_i
  const int64_t heads = layer.local_heads(), head_width = layer.head_width();
  Tensor outputs(x.backend(), {x.rows(), heads * head_width}, x.type());  // [new × width/t]
  for (const auto& [rows, cache] : parts) {
    Tensor mine = outputs.slice(rows);
    copy(mine, attend(all.slice(rows), heads, head_width, *cache));
  }
  return layer.projection.forward(outputs, unused.projection);
}
//! [12-attention]

Tensor forward_next(const TransformerBlock& block, const Tensor& x,
                    std::span<const NextRows> parts) {
  TransformerBlock::Kept unused;
  const Tensor normed = block.norm_1.forward(x, unused.norm_1);
  const auto [u, normed_2] =
      block.norm_2.add_forward(x, forward_next(block.attention, normed, parts), unused.norm_2);
  return add(u, block.mlp.forward(normed_2, unused.mlp));
}

CachedGpt::CachedGpt(const Gpt& model, size_t sequences, int64_t room)
    : model_(model), room_(room), caches_(model.blocks.size()), seen_(sequences, 0) {
  require(model.stage().embedding && model.stage().head, "generation needs a whole model");
  require(room <= model.sizes().context, "a sequence of ", room, " tokens, in a context of ",
          model.sizes().context);
  for (size_t i = 0; i < caches_.size(); ++i) {
    for (size_t sequence = 0; sequence < sequences; ++sequence)
      caches_[i].push_back(make_cache(model.blocks[i]->attention, room));
  }
}

//! [12-model]
Tensor CachedGpt::next_logits(std::span<const NextTokens> parts) {
  std::vector<int32_t> tokens, positions, last;  // last: of each part's rows
  std::vector<NextRows> rows;
  for (const auto& [sequence, added] : parts)
    require_room(room_, seen_[sequence] + std::ssize(added));
  for (const auto& [sequence, added] : parts) {
    const int64_t begin = std::ssize(tokens);
    tokens.insert(tokens.end(), added.begin(), added.end());
    for (size_t i = 0; i < added.size(); ++i)
      positions.push_back(static_cast<int32_t>(seen_[sequence]++));
    rows.push_back({{begin, std::ssize(tokens)}, nullptr});
    last.push_back(static_cast<int32_t>(tokens.size()) - 1);
  }
  Backend& backend = model_.token_embedding->weight.value.backend();
  const auto on_device = [&](const std::vector<int32_t>& values) {
    return Tensor::from(backend, {std::ssize(values)}, std::span<const int32_t>(values));
  };
  Gpt::Kept unused;
  // [new × width]
  Tensor x = model_.token_embedding->forward(on_device(tokens), unused.token_embedding);
  accumulate(x, gather_rows(*model_.position_embedding->use(), on_device(positions), 0));
  for (size_t i = 0; i < caches_.size(); ++i) {
    for (size_t part = 0; part < parts.size(); ++part)
      rows[part].cache = &caches_[i][parts[part].sequence];
    x = forward_next(*model_.blocks[i], x, rows);
  }
  const Tensor ends = gather_rows(x, on_device(last), 0);  // [parts × width]
  return matmul(model_.final_norm->forward(ends, unused.final_norm),
                transposed(*model_.token_embedding->weight.use()));
}
//! [12-model]

void CachedGpt::forget(size_t sequence) {
  seen_[sequence] = 0;
  for (auto& of_block : caches_) of_block[sequence].seen = 0;
}

}  // namespace shard
