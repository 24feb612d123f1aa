#include "chapters/20_context_parallel/model_trial.h"

#include <algorithm>

#include "chapters/13_sequence_parallel/batches.h"
#include "common/comm/partial_gradients.h"
#include "common/tensor/ops.h"

namespace shard::chapter_20 {

GptSizes gpt_sizes(const Sizes& sizes) {
  return {.vocabulary = 61,
          .context = sizes.context,
          .width = sizes.width,
          .heads = sizes.heads,
          .layers = sizes.layers};
}

ModelTrial::ModelTrial(Runtime& the_runtime, const Sizes& s, float dropout)
    : runtime(the_runtime),
      sizes(gpt_sizes(s)),
      init{runtime.options().seed, 0.2f, 0.3f},
      alone(runtime.alone()),
      grid(runtime.world(), {{"cp", runtime.world().size()}}),
      unsplit(*alone, sizes, init),
      sequences_(s.batch),
      dropout_(dropout) {
  const Batch whole = batch();
  const std::vector<int32_t> targets = whole.targets.to_host_int();
  with_loss_ = std::ssize(targets) - std::ranges::count(targets, no_target);
  Gpt::Kept kept;
  losses = unsplit.forward(whole.tokens, whole.targets, sequences_, moment(), kept);
  unsplit.backward(mean(), kept);
}

Batch ModelTrial::batch() const {
  Batch batch = chapter_13::random_batch(runtime.backend(), sizes, init.seed, 0, {0, sequences_});
  std::vector<int32_t> targets = batch.targets.to_host_int();
  std::fill_n(targets.begin(), 2 * sizes.context / 3, no_target);
  std::fill_n(targets.rbegin(), sizes.context / 4, no_target);
  batch.targets.assign(targets);
  return batch;
}

DropoutMoment ModelTrial::moment() const {
  return {.probability = dropout_, .seed = init.seed, .pass = 5};
}

std::unique_ptr<ContextParallelGpt> ModelTrial::model_of(const Way& way) {
  return std::make_unique<ContextParallelGpt>(grid.tp(), way, sizes, init);
}

Tensor ModelTrial::pass(ContextParallelGpt& model, const ContextAttention& way, float factor,
                        const RowMap* positions_of) {
  zero_gradients(model.parameters());
  const auto [own, rows] = cut_batch(way.cut(), way.group().rank(), batch(), {0, sequences_});
  DropoutMoment of_rows = moment();
  of_rows.rows = positions_of != nullptr ? *positions_of : rows;
  ContextParallelGpt::Kept kept;
  const Tensor own_losses = model.forward(own.tokens, own.targets, sequences_, of_rows, kept);
  model.backward(factor, kept);
  return of_all_ranks(way, own_losses, sequences_, sizes.context);
}

void ModelTrial::sum_gradients(ContextParallelGpt& model) {
  PartialGradients(grid, model.parameters()).sum();
}

std::vector<int64_t> ModelTrial::tokens_with_loss(const SequenceCut& cut) const {
  std::vector<int64_t> counts;
  for (int rank = 0; rank < cut.ranks; ++rank) {
    const std::vector<int32_t> targets =
        cut_batch(cut, rank, batch(), {0, sequences_}).batch.targets.to_host_int();
    counts.push_back(std::ssize(targets) - std::ranges::count(targets, no_target));
  }
  return counts;
}

}  // namespace shard::chapter_20
