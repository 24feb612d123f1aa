#include "chapters/10_tensor_and_data_parallel/self_checks.h"

#include <cmath>
#include <map>

#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/10_tensor_and_data_parallel/gpt_reference.h"
#include "common/check/compare.h"

namespace shard::chapter_10 {

GradientError largest_error_of_sums(Grid& grid, const GradientReduction& got,
                                    const Parameters& unsplit) {
  std::map<std::string, const Parameter*> expected;
  for (const Parameter* parameter : unsplit) expected[parameter->name] = parameter;
  GradientError worst;
  for (const StateTensor& gradient : got.gradients()) {
    const Parameter& whole = *expected.at(gradient.name);
    const double error = reference::relative_error(whole_of(grid.world(), gradient),
                                                   whole.without_padding(whole.gradient));
    if (!std::isnan(worst.error) && !(error <= worst.error)) worst = {gradient.name, error};
  }
  return worst;
}

void check_against_unsplit(Runtime& runtime, Report& report, Grid& grid, const GptSizes& sizes,
                           const TrainingSettings& settings, const TextData& data, int64_t steps,
                           const Recipe& recipe) {
  report.heading(text("The first ", steps, " steps beside an unsplit model"));
  const Init init{settings.seed, 0.02f, 0.0f};
  const auto alone = runtime.alone();
  Grid single(*alone, {{"tp", 1}, {"dp", 1}});
  const auto split = recipe.model(grid, sizes, init);
  Gpt whole(single.tp(), sizes, init);
  Trainer split_trainer(grid.data(), recipe.parts(grid, *split, settings), settings),
      whole_trainer(single, whole, settings);
  double loss_error = 0, norm_error = 0;
  for (int64_t step = 0; step < steps; ++step) {
    const auto batch = [&](Range range) {
      return training_batch(runtime.backend(), data, settings.seed, step, range);
    };
    const Trainer::Step got = split_trainer.step(step, batch),
                        expected = whole_trainer.step(step, batch);
    loss_error = reference::larger(loss_error, reference::relative_error(got.loss, expected.loss));
    norm_error = reference::larger(norm_error, reference::relative_error(got.gradient_norm,
                                                                         expected.gradient_norm));
  }
  const double gradients =
      largest_error_of_sums(grid, split_trainer.reduction(), whole.parameters()).error;
  // bf16 keeps 8 bits of 24; gradients come after updates from slightly different weights
  const bool bf16 = settings.precision == Precision::bf16 || settings.reduce_in == Precision::bf16;
  report.check("losses", loss_error, bf16 ? 5e-3 : 1e-5);
  report.check("gradient norms", norm_error, bf16 ? 5e-2 : 1e-4);
  report.check("gradients of every parameter", gradients, bf16 ? 0.2 : 1e-3);
}

void check_against_finite_differences(Runtime& runtime, Report& report, uint64_t seed) {
  report.heading("A tiny GPT's gradients against finite differences in double precision");
  const GptSizes sizes{.vocabulary = 11, .context = 7, .width = 12, .heads = 3, .layers = 2};
  constexpr int64_t batch = 2;
  const auto alone = runtime.alone();
  Gpt model(*alone, sizes, {seed, 0.3f, 0.3f});
  std::vector<int32_t> tokens, targets;
  for (int64_t i = 0; i < batch * sizes.context; ++i) {
    tokens.push_back(
        static_cast<int32_t>(RandomStream{seed, 1}.below(11, static_cast<uint64_t>(i))));
    targets.push_back(
        static_cast<int32_t>(RandomStream{seed, 2}.below(11, static_cast<uint64_t>(i))));
  }
  const Shape shape{batch * sizes.context};
  Gpt::Kept kept;
  model.forward(Tensor::from(runtime.backend(), shape, std::span<const int32_t>(tokens)),
                Tensor::from(runtime.backend(), shape, std::span<const int32_t>(targets)), batch,
                {}, kept);
  model.backward(1.0f / static_cast<float>(shape.elements()), kept);
  ReferenceWeights weights = weights_of(model);
  double worst = 0;
  for (const Parameter* parameter : model.parameters()) {
    const auto loss = [&](const reference::Matrix& point) {
      ReferenceWeights changed = weights;
      changed[parameter->name] = point;
      return reference_loss(changed, sizes, tokens, targets, batch);
    };
    const Tensor gradient = parameter->without_padding(parameter->gradient);
    worst = reference::larger(worst, finite_difference_error(loss, weights[parameter->name],
                                                             gradient.to_host(),
                                                             {seed, stream_of("entries")}, 3));
  }
  report.check("gradients of all parameters", worst, 1e-4);
}

}  // namespace shard::chapter_10
