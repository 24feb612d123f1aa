// PipelinePart: some layers of a model, as a stage of a pipeline has them. It holds what forward
// passes keep, one set for each micro-batch that is under way.
#pragma once
#include <map>

#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"

namespace shard {

class PipelinePart {
 public:
  virtual ~PipelinePart() = default;
  /// The forward pass of a micro-batch: `input` is the output of the part before, unused where this
  /// one takes tokens. Returns the output [rows × width], or the losses [tokens].
  virtual Tensor forward(int64_t micro_batch, const Tensor& input, const Batch& batch,
                         const DropoutMoment& moment) = 0;
  /// Its backward pass: adds to the gradients what `gradient`, that of the output, leads to; where
  /// this part gives losses, factor · d(Σ losses). Returns the input's gradient, if there is one.
  virtual Tensor backward(int64_t micro_batch, const Tensor& gradient, float factor) = 0;
  /// As forward, but keeps nothing. `rows`: of the batch, which the tokens are.
  virtual Tensor evaluate(const Tensor& input, const Batch& batch, const RowMap& rows) const = 0;
  /// As evaluate; at the model's end this rank's columns of the logits.
  virtual Tensor logits(const Tensor& input, const Tensor& tokens, const RowMap& rows) const = 0;

  virtual bool takes_tokens() const = 0;  // the first part
  virtual bool gives_losses() const = 0;  // the last one
  /// The rows that this rank has of an input whose whole rows are `all`: fewer with sequence
  /// parallelism.
  virtual int64_t rows_of(const RowMap& all) const = 0;
  virtual int64_t in_flight() const = 0;   // micro-batches between forward and backward pass
  virtual int64_t bytes_kept() const = 0;  // of what these keep
  virtual Parameters parameters() = 0;
};

/// A stage of a Gpt, with any block.
template <class Block>
class GptPart : public PipelinePart {
 public:
  template <class... Arguments>
  explicit GptPart(Arguments&&... arguments) : gpt(std::forward<Arguments>(arguments)...) {}

  Tensor forward(int64_t micro_batch, const Tensor& input, const Batch& batch,
                 const DropoutMoment& moment) override {
    return gpt.forward(takes_tokens() ? batch.tokens : input, batch.targets, batch.sequences,
                       moment, kept_[micro_batch]);
  }
  Tensor backward(int64_t micro_batch, const Tensor& gradient, float factor) override {
    auto kept = kept_.extract(micro_batch);
    return gives_losses() ? gpt.backward(factor, kept.mapped())
                          : gpt.backward(gradient, kept.mapped());
  }
  Tensor evaluate(const Tensor& input, const Batch& batch, const RowMap& rows) const override {
    typename BasicGpt<Block>::Kept unused;
    unused.for_backward = false;
    return gpt.forward(takes_tokens() ? batch.tokens : input, batch.targets, batch.sequences,
                       {.rows = rows}, unused);
  }
  Tensor logits(const Tensor& input, const Tensor& tokens, const RowMap& rows) const override {
    typename BasicGpt<Block>::Kept unused;
    unused.for_backward = false;
    return gpt.logits(takes_tokens() ? tokens : input, 1, {.rows = rows}, unused);
  }

  bool takes_tokens() const override { return gpt.stage().embedding; }
  bool gives_losses() const override { return gpt.stage().head; }
  int64_t rows_of(const RowMap& all) const override { return gpt.own_rows(all).rows(); }
  int64_t in_flight() const override { return std::ssize(kept_); }
  int64_t bytes_kept() const override {
    int64_t bytes = 0;
    for (const auto& [micro_batch, kept] : kept_) bytes += bytes_of(kept);
    return bytes;
  }
  Parameters parameters() override { return gpt.parameters(); }

  BasicGpt<Block> gpt;

 private:
  std::map<int64_t, typename BasicGpt<Block>::Kept> kept_;  // by micro-batch
};

}  // namespace shard
