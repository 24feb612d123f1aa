#include "chapters/10_tensor_and_data_parallel/training.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "chapters/10_tensor_and_data_parallel/diagnosis.h"
#include "chapters/10_tensor_and_data_parallel/progress.h"
#include "common/clock.h"

namespace shard {

static Batch to_batch(Backend& backend, const TextData::Sequences& sequences, int64_t count) {
  const Shape shape{std::ssize(sequences.tokens)};
  return {Tensor::from(backend, shape, std::span<const int32_t>(sequences.tokens)),
          Tensor::from(backend, shape, std::span<const int32_t>(sequences.targets)), count};
}

Batch training_batch(Backend& backend, const TextData& data, uint64_t seed, int64_t step, Range range) {
  return to_batch(backend, data.training(seed, step, range), range.size());
}

double validation_loss(ProcessGrid& grid, Gpt& model, const TextData& data, int64_t batch, int64_t windows) {
  const int64_t chosen = std::min(windows, data.validation_windows());
  if (chosen <= 0) return std::numeric_limits<double>::quiet_NaN();
  Backend& backend = grid.dp().backend();
  const Range mine = part_of(chosen, grid.dp().size(), grid.dp().rank());
  Tensor sum = Tensor::zeros(backend, {1});
  for (int64_t begin = mine.begin; begin < mine.end; begin += batch) {
    const Range range{begin, std::min(begin + batch, mine.end)};
    const Batch some = to_batch(backend, data.validation(chosen, range), range.size());
    add_sum(sum, model.forward(some.tokens, some.targets, some.sequences));
  }
  const Tensor all = grid.dp().all_reduce(PartialSum(sum));
  return static_cast<double>(all.to_host()[0]) / static_cast<double>(chosen * model.sizes().context);
}

TrainingRun train(ProcessGrid& grid, Gpt& model, Trainer& trainer, const TextData& data,
                  const TrainingSettings& settings, const TrainingPlan& plan, Report& report) {
  constexpr int64_t windows_on_the_way = 240, warm = 10;
  Backend& backend = grid.dp().backend();
  const Ledger before = grid.dp().ledger();
  TrainingRun run;
  Progress progress(report, settings.steps - plan.first_step, settings.batch * model.sizes().context);
  for (int64_t step = plan.first_step; step < settings.steps; ++step) {
    const auto batch_of = [&](Range range) { return training_batch(backend, data, settings.seed, step, range); };
    const int64_t allocations = backend.allocations();
    const double start = now();
    const Trainer::Step result = trainer.step(step, batch_of);
    run.seconds.push_back(now() - start);
    if (!std::isfinite(result.loss) || !std::isfinite(result.gradient_norm)) {
      throw Error(text("step ", step + 1, " has loss ", result.loss, " and gradient norm ", result.gradient_norm, "; ",
                       first_bad_tensor(grid, model, batch_of, settings.batch)));
    }
    run.curve.training.push_back(result.loss);
    run.gradient_norms.push_back(result.gradient_norm);
    if (step - plan.first_step >= warm) run.new_allocations += backend.allocations() - allocations;
    progress.step(result.loss, run.seconds.back());
    if (plan.eval_every > 0 && (step + 1) % plan.eval_every == 0 && step + 1 < settings.steps) {
      const double loss = validation_loss(grid, model, data, settings.batch, windows_on_the_way);
      if (!std::isnan(loss)) run.curve.validation.emplace_back(step, loss);
      progress.validated(loss);
    }
    if (!plan.goes_on_after(step + 1)) {
      run.ledger = grid.dp().ledger().since(before);
      progress.end();
      return run;
    }
  }
  run.ledger = grid.dp().ledger().since(before);
  run.validation_loss = validation_loss(grid, model, data, settings.batch, data.validation_windows());
  const int64_t last = plan.first_step + std::ssize(run.curve.training) - 1;
  if (!std::isnan(run.validation_loss)) run.curve.validation.emplace_back(last, run.validation_loss);
  progress.end();
  return run;
}

}  // namespace shard
