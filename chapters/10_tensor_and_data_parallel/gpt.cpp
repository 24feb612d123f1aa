#include "chapters/10_tensor_and_data_parallel/gpt.h"

#include <cmath>

#include "common/comm/trace.h"

namespace shard {

Gpt::Gpt(Communicator& tp, GptSizes sizes, const Init& init)
    : tp_(tp),
      sizes_(sizes),
      token_embedding_(tp, "wte", sizes.vocabulary, sizes.width, init),
      position_embedding_(tp.backend(), "wpe.weight", Shard::all({sizes.context, sizes.width}),
                          init.seed, init.weight),
      final_norm_(tp.backend(), "ln_f", sizes.width, init),
      cross_entropy_(tp, sizes.vocabulary) {
  const float projection = init.weight / std::sqrt(2.0f * static_cast<float>(sizes.layers));
  for (int64_t layer = 0; layer < sizes.layers; ++layer) {
    blocks_.push_back(std::make_unique<TransformerBlock>(
        tp, text("h.", layer), BlockSizes{sizes.width, sizes.heads, 4 * sizes.width}, init,
        projection));
  }
}

/// The position of every token in its sequence; kept while the shape stays the same.
Tensor Gpt::positions(int64_t tokens, int64_t batch) {
  if (positions_ && positions_.elements() == tokens && batch == batch_) return positions_;
  std::vector<int32_t> values(static_cast<size_t>(tokens));
  for (int64_t i = 0; i < tokens; ++i)
    values[static_cast<size_t>(i)] = static_cast<int32_t>(i % (tokens / batch));
  return Tensor::from(tp_.backend(), {tokens}, std::span<const int32_t>(values));
}

/// The embedding's dropout: its rows are whole rows of the global batch, as in TransformerBlock.
static Tensor with_dropout(const Tensor& x, const DropoutMoment& moment, int64_t batch) {
  if (moment.probability == 0.0f) return x;
  const Block block{moment.first_sequence * (x.rows() / batch), 0, x.columns()};
  return dropout(x, moment.probability, {moment.seed, stream_of("embedding", moment.pass)}, block);
}

//! [10-gpt]
Tensor Gpt::logits(const Tensor& tokens, int64_t batch, const DropoutMoment& moment) {
  TraceRange range(TraceRow::compute, "gpt forward");
  require(tokens.elements() % batch == 0 && tokens.elements() / batch <= sizes_.context,
          "gpt: ", tokens.elements(), " tokens are not ", batch, " sequences of at most ",
          sizes_.context);
  positions_ = positions(tokens.elements(), batch);
  moment_ = moment;
  batch_ = batch;
  Tensor x = token_embedding_.forward(tokens);  // [tokens × width], one all-reduce
  accumulate(x, gather_rows(position_embedding_.value, positions_, 0));
  x = with_dropout(shown("the embedding", x), moment, batch);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = shown(text("block h.", i), blocks_[i]->forward(x, batch, moment));  // two all-reduces each
  }
  normed_ = shown("the last norm, ln_f", final_norm_.forward(x));
  return shown("the logits",
               matmul(normed_,
                      transposed(token_embedding_.weight.value)));  // [tokens × ⌈vocabulary/t⌉]
}

Tensor Gpt::forward(const Tensor& tokens, const Tensor& targets, int64_t batch,
                    const DropoutMoment& moment) {
  return cross_entropy_.forward(logits(tokens, batch, moment),
                                targets);  // [tokens], three small all-reduces
}

void Gpt::backward(float factor) {
  TraceRange range(TraceRow::compute, "gpt backward");
  const Tensor dlogits = cross_entropy_.backward(factor);  // [tokens × ⌈vocabulary/t⌉]
  PartialSum term(
      matmul(dlogits, token_embedding_.weight.value));  // [tokens × width], this rank's columns'
  PendingSum dnormed = tp_.start_all_reduce(term);
  add_matmul(token_embedding_.weight.gradient, transposed(dlogits),
             normed_);  // the table as output projection
  Tensor dx = final_norm_.backward(dnormed.wait());
  for (size_t i = blocks_.size(); i-- > 0;) dx = blocks_[i]->backward(dx);  // two all-reduces each
  dx = with_dropout(dx, moment_, batch_);
  add_to_rows(position_embedding_.gradient, positions_, dx, 0);
  position_embedding_.gradient_is_ready();
  token_embedding_.backward(dx);  // the table as embedding: now ready
}
//! [10-gpt]

Tensor Gpt::next_logits(const Tensor& tokens, std::vector<KeyValueCache>& caches) {
  const Range positions{caches[0].seen, caches[0].seen + tokens.elements()};
  Tensor x = token_embedding_.forward(tokens);  // [new × width]
  accumulate(x, position_embedding_.value.slice(positions));
  for (size_t i = 0; i < blocks_.size(); ++i) x = blocks_[i]->forward_next(x, caches[i]);
  const Tensor last = x.slice({x.rows() - 1, x.rows()});
  return matmul(final_norm_.forward(last), transposed(token_embedding_.weight.value));
}

std::vector<KeyValueCache> Gpt::make_caches() const {
  std::vector<KeyValueCache> caches;
  for (const auto& block : blocks_) caches.push_back(block->make_cache(sizes_.context));
  return caches;
}

Parameters Gpt::parameters() {
  Parameters all{&token_embedding_.weight, &position_embedding_};
  for (auto& block : blocks_) append(all, block->parameters());
  append(all, final_norm_.parameters());
  return all;
}

int64_t Gpt::parameter_count() {
  int64_t count = 0;
  for (const Parameter* parameter : parameters()) count += parameter->shard.whole.elements();
  return count;
}

}  // namespace shard
