#include "chapters/10_tensor_and_data_parallel/training.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "chapters/10_tensor_and_data_parallel/diagnosis.h"
#include "common/base/clock.h"
#include "common/program/progress.h"

namespace shard {

static Batch to_batch(Backend& backend, const TextData::Sequences& sequences, int64_t count) {
  const Shape shape{std::ssize(sequences.tokens)};
  return {Tensor::from(backend, shape, std::span<const int32_t>(sequences.tokens)),
          Tensor::from(backend, shape, std::span<const int32_t>(sequences.targets)), count};
}

Batch training_batch(Backend& backend, const TextData& data, uint64_t seed, int64_t step,
                     Range range) {
  return to_batch(backend, data.training(seed, step, range), range.size());
}

double validation_loss(ProcessGrid& grid, Gpt& model, const TextData& data, int64_t batch,
                       int64_t windows) {
  const int64_t chosen = std::min(windows, data.validation_windows());
  if (chosen <= 0) return std::numeric_limits<double>::quiet_NaN();
  Backend& backend = grid.dp().backend();
  const Range mine = part_of(chosen, grid.dp().size(), grid.dp().rank());
  Tensor sum = Tensor::zeros(backend, {1});
  for (int64_t begin = mine.begin; begin < mine.end; begin += batch) {
    const Range range{begin, std::min(begin + batch, mine.end)};
    const Batch some = to_batch(backend, data.validation(chosen, range), range.size());
    Gpt::Kept kept;
    add_sum(sum, model.forward(some.tokens, some.targets, some.sequences, {}, kept));
  }
  const Tensor all = grid.dp().all_reduce(PartialSum(sum));
  return static_cast<double>(all.to_host()[0]) /
         static_cast<double>(chosen * model.sizes().context);
}

TrainingRun train(ProcessGrid& grid, Gpt& model, Trainer& trainer, const TextData& data,
                  const TrainingSettings& settings, const TrainingPlan& plan, Report& report) {
  constexpr int64_t windows_on_the_way = 240, warm = 10;
  Backend& backend = grid.dp().backend();
  const Ledger before = grid.dp().ledger();
  const int64_t tokens_per_step = settings.batch * model.sizes().context;
  int64_t settled = plan.first_step + warm;  // the first step that must take no new memory
  TrainingRun run{.metrics = plan.history, .first_step = plan.first_step, .ledger = {}};
  Progress progress(report, plan.first_step, settings.steps, tokens_per_step);
  for (int64_t step = plan.first_step; step < settings.steps; ++step) {
    const auto batch_of = [&](Range range) {
      return training_batch(backend, data, settings.seed, step, range);
    };
    const int64_t allocations = backend.allocations();
    const double start = now();
    const Trainer::Step result = trainer.step(step, batch_of);
    const double seconds = now() - start;
    if (!std::isfinite(result.loss) || !std::isfinite(result.gradient_norm)) {
      throw Error(text("step ", step + 1, " has loss ", result.loss, " and gradient norm ",
                       result.gradient_norm, "; ",
                       first_bad_tensor(grid, model, batch_of, settings.batch)));
    }
    StepMetrics& row = run.metrics.emplace_back(
        StepMetrics{step + 1, result.loss, result.gradient_norm, learning_rate_at(step, settings),
                    static_cast<double>(tokens_per_step) / seconds});
    if (step >= settled) run.new_allocations += backend.allocations() - allocations;
    const int64_t allocations_by_steps = backend.allocations();
    progress.step(result.loss, seconds);
    if (plan.eval_every > 0 && (step + 1) % plan.eval_every == 0 && step + 1 < settings.steps) {
      row.validation_loss = validation_loss(grid, model, data, settings.batch, windows_on_the_way);
      progress.validated(row.validation_loss);
    }
    const bool goes_on = plan.goes_on_after(run.metrics);
    // what a validation or a sample has taken may be of the sizes that the next step needs
    if (backend.allocations() != allocations_by_steps) settled = std::max(settled, step + 2);
    if (!goes_on) break;
    run.finished = step + 1 == settings.steps;
  }
  run.ledger = grid.dp().ledger().since(before);
  if (run.finished) {
    run.metrics.back().validation_loss =
        validation_loss(grid, model, data, settings.batch, data.validation_windows());
  }
  progress.end();
  return run;
}

}  // namespace shard
