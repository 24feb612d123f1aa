#include "chapters/18_pipeline/pipelined_model.h"

namespace shard {

/// A tied table is at both ends of the model, and one parameter.
static int64_t parameters_of(PipelinePart& part) {
  int64_t count = 0;
  for (const Parameter* parameter : part.parameters()) {
    const bool is_table_again =
        part.gives_losses() && !part.takes_tokens() && parameter->is_partial_over("pp");
    if (!is_table_again) count += parameter->shard.whole.elements();
  }
  return count;
}

PipelinedModel::PipelinedModel(Communicator& pp, const GptSizes& sizes,
                               std::vector<std::unique_ptr<PipelinePart>> chunks)
    : pp_(pp), sizes_(sizes), chunks_(std::move(chunks)) {
  require(chunks_.size() == 1 || pp.size() > 1, "one stage with ", chunks_.size(),
          " chunks has nothing to interleave");
  int64_t count = 0;
  for (const auto& chunk : chunks_) count += parameters_of(*chunk);
  parameter_count_ = static_cast<int64_t>(pp.sum_of(static_cast<double>(count)));
}

std::unique_ptr<PipelinedModel> pipelined_gpt(Grid& grid, const GptSizes& sizes, const Init& init,
                                              const std::vector<GptStage>& parts) {
  return pipelined_gpt<TransformerBlock>(grid, sizes, init, parts,
                                         usual_block<TransformerBlock>(grid.tp(), sizes, init));
}

Parameters PipelinedModel::parameters() {
  Parameters all;
  for (const auto& chunk : chunks_) append(all, chunk->parameters());
  return all;
}

Tensor PipelinedModel::place_for(int chunk, const RowMap& all) const {
  return {pp_.backend(), {part(chunk).rows_of(all), sizes_.width}, computes_in};
}

/// compute(part, result of the one before) for all parts in their order, or backwards: the last
/// one's result where it was computed.
Tensor PipelinedModel::through_all(bool forward, const RowMap& rows, const OfPart& compute) const {
  const int stages = pp_.size(), parts = stages * chunks();
  Tensor handed;
  for (int i = 0; i < parts; ++i) {
    const int at = forward ? i : parts - 1 - i, step = forward ? 1 : -1;
    if (at % stages != pp_.rank()) continue;
    if (i > 0 && stages > 1) {
      handed = place_for(at / stages, rows);
      pp_.receive(handed, (at - step) % stages, text("part ", at - step, "'s result"));
    }
    handed = compute(part(at / stages), handed);
    if (i + 1 < parts && stages > 1)
      pp_.send(handed, (at + step) % stages, text("part ", at, "'s result"));
  }
  return handed;
}

Tensor PipelinedModel::on_all_stages(Tensor result, const Shape& shape, DataType type) const {
  if (pp_.rank() != last_stage()) result = Tensor(pp_.backend(), shape, type);
  pp_.broadcast(result, last_stage());
  return result;
}

static RowMap rows_of(const Tensor& tokens, int64_t sequences) {
  return RowMap::of_sequences({0, sequences}, tokens.elements() / sequences);
}

Tensor PipelinedModel::losses(const Batch& batch) const {
  const RowMap rows = rows_of(batch.tokens, batch.sequences);
  const Tensor losses = through_all(true, rows, [&](PipelinePart& part, const Tensor& input) {
    return part.evaluate(input, batch, rows);
  });
  return on_all_stages(losses, batch.tokens.shape(), DataType::f32);
}

Tensor PipelinedModel::logits(const Tensor& tokens) const {
  const RowMap rows = rows_of(tokens, 1);
  const Tensor logits = through_all(true, rows, [&](PipelinePart& part, const Tensor& input) {
    return part.logits(input, tokens, rows);
  });
  // the last stage knows how many columns a rank has
  const bool is_last = pp_.rank() == last_stage();
  const auto columns =
      static_cast<int64_t>(pp_.max_of(is_last ? static_cast<double>(logits.columns()) : 0.0));
  return on_all_stages(logits, {tokens.elements(), columns}, computes_in);
}

Tensor PipelinedModel::forward_backward(const Batch& batch, const DropoutMoment& moment,
                                        float factor) {
  DropoutMoment of_rows = moment;
  of_rows.rows = moment.rows_of(batch.sequences, batch.tokens.elements());
  const Tensor losses =
      through_all(true, of_rows.rows, [&](PipelinePart& part, const Tensor& input) {
        return part.forward(0, input, batch, of_rows);
      });
  through_all(false, of_rows.rows, [&](PipelinePart& part, const Tensor& gradient) {
    return part.backward(0, gradient, factor);
  });
  return on_all_stages(losses, batch.tokens.shape(), DataType::f32);
}

}  // namespace shard
