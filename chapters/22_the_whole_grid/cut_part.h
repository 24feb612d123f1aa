// CutPart: a pipeline's part (chapter 18) of a model whose sequences are cut among context-parallel
// ranks (chapter 20). It is given whole sequences, and passes on this rank's tokens of them.
#pragma once
#include "chapters/18_pipeline/pipeline_part.h"
#include "chapters/20_context_parallel/context_attention.h"

namespace shard {

class CutPart : public PipelinePart {
 public:
  /// The blocks of `part` attend by `inside`.
  CutPart(std::shared_ptr<const ContextAttention> inside, std::unique_ptr<PipelinePart> part)
      : inside_(std::move(inside)), part_(std::move(part)) {}

  // As PipelinePart says of whole sequences; inputs, outputs and losses in training are those of
  // this rank's tokens. What evaluate and logits give at the model's end is of all tokens, on every
  // cp rank: one all-gather.
  Tensor forward(int64_t micro_batch, const Tensor& input, const Batch& batch,
                 const DropoutMoment& moment) override;
  Tensor backward(int64_t micro_batch, const Tensor& gradient, float factor) override {
    return part_->backward(micro_batch, gradient, factor);
  }
  Tensor evaluate(const Tensor& input, const Batch& batch, const RowMap& rows) const override;
  Tensor logits(const Tensor& input, const Tensor& tokens, const RowMap& rows) const override;

  bool takes_tokens() const override { return part_->takes_tokens(); }
  bool gives_losses() const override { return part_->gives_losses(); }
  int64_t rows_of(const RowMap& all) const override { return part_->rows_of(own(all)); }
  int64_t in_flight() const override { return part_->in_flight(); }
  int64_t bytes_kept() const override { return part_->bytes_kept(); }
  Parameters parameters() override { return part_->parameters(); }

 private:
  RowMap own(const RowMap& all) const;

  std::shared_ptr<const ContextAttention> inside_;
  std::unique_ptr<PipelinePart> part_;
};

}  // namespace shard
