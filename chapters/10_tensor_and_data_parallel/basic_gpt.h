// The definition of Gpt for any block. gpt.cpp makes it for TransformerBlock; a chapter with a
// block of its own includes this file.
#pragma once
#include <cmath>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/comm/trace.h"
#include "common/tensor/weight_gradients.h"

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
                          const MakeBlock& make_block, std::shared_ptr<const BlockRows> rows)
    : tp_(tp),
      sizes_(sizes),
      stage_(stage),
      rows_(rows ? std::move(rows) : std::make_shared<const BlockRows>(tp)) {
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
    position_embedding->partial_over = rows_->partial_over();
  }
  const float projection = init.weight / std::sqrt(2.0f * static_cast<float>(sizes.layers));
  for (int64_t layer = stage.layers.begin; layer < stage.layers.end; ++layer)
    blocks.push_back(make_block(text("h.", layer), projection));
  if (stage.head) {
    final_norm.emplace(tp.backend(), "ln_f", sizes.width, init, counts);
    for (Parameter* parameter : final_norm->parameters())
      parameter->partial_over = rows_->partial_over();
    cross_entropy.emplace(tp, sizes.vocabulary);
  }
}

//! [10-gpt]
template <class Block>
Tensor BasicGpt<Block>::embed(const Tensor& tokens, Kept& kept) const {
  const std::vector<int32_t> positions = kept.moment.rows.positions();
  kept.positions = Tensor::from(tp_.backend(), {std::ssize(positions)}, std::span(positions));
  // [tokens × width], one all-reduce
  Tensor x =
      rows_->start_sum(token_embedding->partial_forward(tokens, kept.token_embedding)).wait();
  accumulate(x, gather_rows(*position_embedding->use(), kept.positions, 0));
  return dropout_of_rows(shown("the embedding", x), kept.batch, kept.moment, "embedding");
}

template <class Block>
Tensor BasicGpt<Block>::logits(const Tensor& input, int64_t batch, const DropoutMoment& moment,
                               Kept& kept) const {
  TraceRange range(TraceRow::compute, "gpt forward");
  const int64_t tokens = stage_.embedding ? input.elements() : input.rows();
  const RowMap rows = moment.rows_of(batch, tokens), own = rows_->own(rows);
  require((stage_.embedding ? rows : own).rows() == tokens && rows.context() <= sizes_.context,
          "gpt: ", tokens, " tokens are not ", batch, " sequences of at most ", sizes_.context);
  kept.batch = batch;
  kept.moment = moment;
  kept.moment.rows = own;
  kept.blocks.resize(blocks.size());
  Tensor x = stage_.embedding ? embed(input, kept) : input;  // [tokens × width]
  for (size_t i = 0; i < blocks.size(); ++i) {               // two all-reduces each
    x = shown("block " + blocks[i]->name,
              blocks[i]->forward(x, batch, kept.moment, kept.blocks[i]));
    if (!kept.for_backward) kept.blocks[i] = {};
  }
  if (!stage_.head) return x;
  x = shown("the last norm, ln_f", final_norm->forward(x, kept.final_norm));
  kept.normed = rows_->all_rows(x, own);  // [tokens × width]
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
  PendingSum dnormed = rows_->start_sum(PartialSum(matmul(dlogits, *table.use())));
  // the table as output projection
  if (stage_.embedding)  // which adds to it, too: the gradient is not ready yet
    add_matmul(table.open_gradient(), transposed(dlogits), kept.normed);
  else
    add_weight_gradient(table, dlogits, kept.normed);
  const Tensor dx = final_norm->backward(dnormed.wait(), kept.final_norm);
  kept.final_norm = {};
  kept.normed = {};
  kept.cross_entropy = {};
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
  // the table as embedding: now ready
  token_embedding->backward(rows_->all_rows(dx, kept.moment.rows), kept.token_embedding);
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
