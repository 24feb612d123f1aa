// The definition of Gpt for any block. gpt.cpp makes it for TransformerBlock; a chapter with a
// block of its own includes this file.
#pragma once
#include <cmath>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/comm/trace.h"

namespace shard {

/// The usual block.
template <class Block>
typename BasicGpt<Block>::MakeBlock usual_block(Communicator& tp, const GptSizes& sizes,
                                                const Init& init) {
  return [&tp, sizes, init](const std::string& name, float projection) {
    return std::make_unique<Block>(tp, name, BlockSizes{sizes.width, sizes.heads, 4 * sizes.width},
                                   init, projection);
  };
}

template <class Block>
BasicGpt<Block>::BasicGpt(Communicator& tp, GptSizes sizes, const Init& init)
    : BasicGpt(tp, sizes, init, GptStage{.layers = {0, sizes.layers}}) {}

template <class Block>
BasicGpt<Block>::BasicGpt(Communicator& tp, GptSizes sizes, const Init& init, const GptStage& stage)
    : BasicGpt(tp, sizes, init, stage, usual_block<Block>(tp, sizes, init)) {}

template <class Block>
BasicGpt<Block>::BasicGpt(Communicator& tp, GptSizes sizes, const Init& init, const GptStage& stage,
                          const MakeBlock& make_block)
    : tp_(tp), sizes_(sizes), stage_(stage) {
  require(0 <= stage.layers.begin && stage.layers.begin <= stage.layers.end &&
              stage.layers.end <= sizes.layers,
          "a stage of layers ", stage.layers.begin, " to ", stage.layers.end, " of a model of ",
          sizes.layers);
  const bool counts = tp.rank() == 0;  // what all tp ranks hold
  if (stage.embedding || stage.head) {
    token_embedding.emplace(tp, "wte", sizes.vocabulary, sizes.width, init);
    token_embedding->weight.counts = stage.embedding;
    if (stage.embedding != stage.head) token_embedding->weight.partial_over = {"dp", "pp"};
  }
  if (stage.embedding) {
    position_embedding.emplace(tp.backend(), "wpe.weight", Shard::all({sizes.context, sizes.width}),
                               init.seed, init.weight);
    position_embedding->counts = counts;
  }
  const float projection = init.weight / std::sqrt(2.0f * static_cast<float>(sizes.layers));
  for (int64_t layer = stage.layers.begin; layer < stage.layers.end; ++layer)
    blocks.push_back(make_block(text("h.", layer), projection));
  if (stage.head) {
    final_norm.emplace(tp.backend(), "ln_f", sizes.width, init, counts);
    cross_entropy.emplace(tp, sizes.vocabulary);
  }
}

/// The position of every token in its sequence: i32 [tokens].
inline Tensor positions_of(Backend& backend, int64_t tokens, int64_t batch) {
  std::vector<int32_t> values(static_cast<size_t>(tokens));
  for (int64_t i = 0; i < tokens; ++i)
    values[static_cast<size_t>(i)] = static_cast<int32_t>(i % (tokens / batch));
  return Tensor::from(backend, {tokens}, std::span<const int32_t>(values));
}

//! [10-gpt]
template <class Block>
Tensor BasicGpt<Block>::embed(const Tensor& tokens, Kept& kept) const {
  kept.positions = positions_of(tp_.backend(), tokens.elements(), kept.batch);
  // [tokens × width], one all-reduce
  Tensor x = token_embedding->forward(tokens, kept.token_embedding);
  accumulate(x, gather_rows(*position_embedding->use(), kept.positions, 0));
  return dropout_of_rows(shown("the embedding", x), kept.batch, kept.moment, "embedding");
}

template <class Block>
Tensor BasicGpt<Block>::logits(const Tensor& input, int64_t batch, const DropoutMoment& moment,
                               Kept& kept) const {
  TraceRange range(TraceRow::compute, "gpt forward");
  const int64_t tokens = stage_.embedding ? input.elements() : input.rows();
  require(tokens % batch == 0 && tokens / batch <= sizes_.context, "gpt: ", tokens,
          " tokens are not ", batch, " sequences of at most ", sizes_.context);
  kept.batch = batch;
  kept.moment = moment;
  kept.blocks.resize(blocks.size());
  Tensor x = stage_.embedding ? embed(input, kept) : input;  // [tokens × width]
  for (size_t i = 0; i < blocks.size(); ++i) {               // two all-reduces each
    x = shown("block " + blocks[i]->name, blocks[i]->forward(x, batch, moment, kept.blocks[i]));
    if (!kept.for_backward) kept.blocks[i] = {};
  }
  if (!stage_.head) return x;
  kept.normed = shown("the last norm, ln_f", final_norm->forward(x, kept.final_norm));
  // [tokens × ⌈vocabulary/t⌉]
  return shown("the logits", matmul(kept.normed, transposed(*token_embedding->weight.use())));
}

template <class Block>
Tensor BasicGpt<Block>::forward(const Tensor& input, const Tensor& targets, int64_t batch,
                                const DropoutMoment& moment, Kept& kept) const {
  const Tensor output = logits(input, batch, moment, kept);
  if (!stage_.head) return output;
  // [tokens], three small all-reduces
  return cross_entropy->forward(output, targets, kept.cross_entropy);
}

template <class Block>
Tensor BasicGpt<Block>::backward(float factor, Kept& kept) {
  TraceRange range(TraceRow::compute, "gpt backward");
  require(kept.for_backward, "gpt: a backward pass after a forward pass that kept nothing for it");
  require(stage_.head, "gpt: a stage without a head goes back from the gradient of its output");
  return backward_of_blocks(backward_of_head(factor, kept), kept);
}

template <class Block>
Tensor BasicGpt<Block>::backward_of_head(float factor, Kept& kept) {
  Parameter& table = token_embedding->weight;
  // [tokens × ⌈vocabulary/t⌉]
  const Tensor dlogits = cross_entropy->backward(factor, kept.cross_entropy);
  // [tokens × width], this rank's columns' term
  PendingSum dnormed = tp_.start_all_reduce(PartialSum(matmul(dlogits, *table.use())));
  // the table as output projection
  add_matmul(table.open_gradient(), transposed(dlogits), kept.normed);
  if (!stage_.embedding) table.gradient_is_ready();
  const Tensor dx = final_norm->backward(dnormed.wait(), kept.final_norm);
  kept.normed = {};
  kept.final_norm = {};
  return dx;
}

template <class Block>
Tensor BasicGpt<Block>::backward(const Tensor& dy, Kept& kept) {
  TraceRange range(TraceRow::compute, "gpt backward");
  require(kept.for_backward, "gpt: a backward pass after a forward pass that kept nothing for it");
  require(!stage_.head, "gpt: a stage with a head goes back from its own losses");
  return backward_of_blocks(dy, kept);
}

template <class Block>
Tensor BasicGpt<Block>::backward_of_blocks(Tensor dx, Kept& kept) {
  for (size_t i = blocks.size(); i-- > 0;) {  // two all-reduces each
    dx = blocks[i]->backward(dx, kept.blocks[i]);
    kept.blocks[i] = {};
  }
  if (!stage_.embedding) return dx;
  dx = dropout_of_rows(dx, kept.batch, kept.moment, "embedding");
  add_to_rows(position_embedding->open_gradient(), kept.positions, dx, 0);
  position_embedding->gradient_is_ready();
  token_embedding->backward(dx, kept.token_embedding);  // the table as embedding: now ready
  return {};
}
//! [10-gpt]

template <class Block>
Tensor BasicGpt<Block>::losses(const Batch& batch) const {
  Kept unused;
  unused.for_backward = false;
  return forward(batch.tokens, batch.targets, batch.sequences, {}, unused);
}

template <class Block>
Tensor BasicGpt<Block>::logits(const Tensor& tokens) const {
  Kept unused;
  unused.for_backward = false;
  return logits(tokens, 1, {}, unused);
}

template <class Block>
Tensor BasicGpt<Block>::forward_backward(const Batch& batch, const DropoutMoment& moment,
                                         float factor) {
  Kept kept;
  Tensor losses = forward(batch.tokens, batch.targets, batch.sequences, moment, kept);
  backward(factor, kept);
  return losses;
}

template <class Block>
Parameters BasicGpt<Block>::parameters() {
  Parameters all;
  if (token_embedding) all.push_back(&token_embedding->weight);
  if (position_embedding) all.push_back(&*position_embedding);
  for (auto& block : blocks) append(all, block->parameters());
  if (final_norm) append(all, final_norm->parameters());
  return all;
}

}  // namespace shard
