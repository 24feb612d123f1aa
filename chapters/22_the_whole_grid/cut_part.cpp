#include "chapters/22_the_whole_grid/cut_part.h"

#include <algorithm>

#include "chapters/20_context_parallel/context_parallel_gpt.h"

namespace shard {

/// Of whole sequences, those rows that this rank has. A text of fewer tokens than ranks is padded.
RowMap CutPart::own(const RowMap& all) const {
  const int64_t first = all.ranges().front().begin / all.context();
  return inside_->cut().rows({first, first + all.rows() / all.context()},
                             std::max<int64_t>(all.context(), inside_->cut().ranks),
                             inside_->group().rank());
}

Tensor CutPart::forward(int64_t micro_batch, const Tensor& input, const Batch& batch,
                        const DropoutMoment& moment) {
  DropoutMoment of_rows = moment;
  of_rows.rows = own(moment.rows);
  if (!batch.tokens) return part_->forward(micro_batch, input, batch, of_rows);
  const Range sequences{moment.first_sequence, moment.first_sequence + batch.sequences};
  const CutBatch mine = cut_batch(inside_->cut(), inside_->group().rank(), batch, sequences);
  return part_->forward(micro_batch, input, mine.batch, of_rows);
}

Tensor CutPart::evaluate(const Tensor& input, const Batch& batch, const RowMap& rows) const {
  const CutBatch mine =
      cut_batch(inside_->cut(), inside_->group().rank(), batch, {0, batch.sequences});
  const Tensor output = part_->evaluate(input, mine.batch, mine.rows);
  return gives_losses() ? of_all_ranks(*inside_, output, batch.sequences, rows.context()) : output;
}

/// A token's logits do not depend on those after it, so that any may follow.
static Tensor padded(const Tensor& tokens, int64_t least) {
  if (tokens.elements() >= least) return tokens;
  std::vector<int32_t> ids = tokens.to_host_int();
  ids.resize(static_cast<size_t>(least), ids.at(0));
  return Tensor::from(tokens.backend(), {least}, std::span(ids));
}

Tensor CutPart::logits(const Tensor& input, const Tensor& tokens, const RowMap&) const {
  const Tensor all = padded(tokens, inside_->cut().ranks);
  const CutBatch mine = cut_batch(inside_->cut(), inside_->group().rank(), {all, all, 1}, {0, 1});
  const Tensor output = part_->logits(input, mine.batch.tokens, mine.rows);
  if (!gives_losses()) return output;
  return of_all_ranks(*inside_, output, 1, all.elements()).slice({0, tokens.elements()});
}

}  // namespace shard
