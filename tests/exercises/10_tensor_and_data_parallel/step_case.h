// What the test of 10.3 trains: sizes, settings and batches, the right numbers of each step, and
// the gradients of each micro-batch before anything is reduced.
#pragma once
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "exercises/10_tensor_and_data_parallel/3_training_step.h"
#include "tests/exercises/examiner.h"

namespace shard {

/// Numbers of all parameters, in the order of model.parameters().
using Numbers = std::vector<std::vector<double>>;

inline std::vector<double> numbers_of(const Tensor& tensor) {
  const std::vector<float> values = tensor.to_host();
  return {values.begin(), values.end()};
}
template <class TensorOf>
Numbers numbers_of(const Parameters& parameters, const TensorOf& tensor_of) {
  Numbers all;
  for (const Parameter* parameter : parameters) all.push_back(numbers_of(tensor_of(*parameter)));
  return all;
}
inline Numbers combined(Numbers a, double factor_a, const Numbers& b, double factor_b) {
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < a[i].size(); ++j) a[i][j] = factor_a * a[i][j] + factor_b * b[i][j];
  }
  return a;
}
inline Numbers times(const Numbers& a, double factor) { return combined(a, factor, a, 0); }
inline double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < a[i].size(); ++j) sum += a[i][j] * b[i][j];
  }
  return sum;
}
/// The first parameter whose numbers differ by more than 1e-3 (relative error), or none.
inline int first_difference(const Numbers& got, const Numbers& expected) {
  for (size_t i = 0; i < got.size(); ++i) {
    const std::vector<float> floats(got[i].begin(), got[i].end());
    if (!(reference::relative_error(floats, expected[i]) <= 1e-3)) return static_cast<int>(i);
  }
  return -1;
}
inline bool alike(const Numbers& a, const Numbers& b) { return first_difference(a, b) < 0; }

struct StepCase {
  GptSizes sizes{.vocabulary = 17, .context = 5, .width = 24, .heads = 12, .layers = 1};
  TrainingSettings settings;
  Init init{1, 0.3f, 0.2f};
  std::vector<int32_t> tokens, targets;  // [steps × batch × context]

  /// 13 sequences in 3 micro-batches a rank: parts and micro-batches differ in size.
  explicit StepCase(const Examiner& examiner) {
    settings.batch = 13;
    settings.accumulate = 3;
    settings.learning_rate = 0.01;
    settings.beta1 = 0.8;
    settings.beta2 = 0.95;
    settings.weight_decay = 0.5;
    settings.clip = 0;
    const int64_t count = 2 * settings.batch * sizes.context;
    const auto random = [&](const char* name) {
      const Matrix numbers = examiner.random_integers(1, count, name, 8);
      std::vector<int32_t> ids;
      for (const double number : numbers.values) ids.push_back(static_cast<int32_t>(number + 8));
      return ids;
    };
    tokens = random("tokens");
    targets = random("targets");
    init.seed = 1 + static_cast<uint64_t>(tokens[0] + 17 * tokens[1]);
  }

  Batch batch(Backend& backend, int64_t step, Range sequences) const {
    const auto cut = [&](const std::vector<int32_t>& all) {
      const auto first = all.begin() + (step * settings.batch + sequences.begin) * sizes.context;
      const std::vector<int32_t> part(first, first + sequences.size() * sizes.context);
      return Tensor::from(backend, {std::ssize(part)}, std::span<const int32_t>(part));
    };
    return {cut(tokens), cut(targets), sequences.size()};
  }
  double all_tokens() const { return static_cast<double>(settings.batch * sizes.context); }
};

/// A step as chapter 10's Trainer takes it on one rank, of whole tensors.
struct RightStep {
  double loss = 0, norm = 0;
  Numbers gradients;                           // before clipping
  Numbers weights, first, second;              // before the update
  Numbers new_weights, new_first, new_second;  // after it
};

inline std::vector<RightStep> right_steps(Examiner& examiner, const StepCase& of, int64_t steps) {
  Grid alone(examiner.alone(), {});
  Gpt model(alone.tp(), of.sizes, of.init);
  TrainingSettings settings = of.settings;
  settings.accumulate = 1;
  Trainer trainer(alone, model, settings);
  const Parameters parameters = model.parameters();
  const auto moments = [&](size_t which) {
    const TrainingState state = trainer.optimizer().state();
    Numbers all;
    for (size_t i = which; i < state.moments.size(); i += 2)
      all.push_back(numbers_of(state.moments[i].part));
    return all;
  };
  const auto weights = [&] {
    return numbers_of(parameters, [](const Parameter& p) { return p.value; });
  };
  std::vector<RightStep> all;
  for (int64_t step = 0; step < steps; ++step) {
    RightStep right;
    right.weights = weights();
    right.first = moments(0);
    right.second = moments(1);
    const Trainer::Step got = trainer.step(
        step, [&](Range range) { return of.batch(examiner.alone().backend(), step, range); },
        settings.learning_rate);
    right.loss = got.loss;
    right.norm = got.gradient_norm;
    right.gradients = numbers_of(parameters, [](const Parameter& p) { return p.gradient; });
    right.new_weights = weights();
    right.new_first = moments(0);
    right.new_second = moments(1);
    all.push_back(std::move(right));
  }
  return all;
}

/// This rank's part of whole tensors.
inline Numbers part_of(const Numbers& whole, const Parameters& parameters) {
  Numbers part;
  for (size_t i = 0; i < whole.size(); ++i) {
    const std::vector<float> floats(whole[i].begin(), whole[i].end());
    const std::vector<float> cut = parameters[i]->shard.cut(floats);
    part.emplace_back(cut.begin(), cut.end());
  }
  return part;
}

/// The micro-batches of this rank in the first step: sums over their tokens, nothing reduced.
struct Passes {
  std::vector<Numbers> gradients;
  std::vector<double> losses, tokens;
  Ledger communicated;

  Passes(Examiner& examiner, Grid& grid, const StepCase& of) {
    OwnTokensGpt model(grid.tp(), of.sizes, of.init);
    const Parameters parameters = model.parameters();
    const Ledger before = examiner.ledger();
    const Range mine = part_of(of.settings.batch, grid.dp().size(), grid.dp().rank());
    for (int i = 0; i < of.settings.accumulate; ++i) {
      const Range part = part_of(mine.size(), static_cast<int>(of.settings.accumulate), i);
      const Batch batch =
          of.batch(examiner.backend(), 0, {mine.begin + part.begin, mine.begin + part.end});
      OwnTokensGpt::Kept kept;
      Tensor loss = Tensor::zeros(examiner.backend(), {1});
      add_sum(loss, model.forward(batch.tokens, batch.targets, batch.sequences, {}, kept));
      zero_gradients(parameters);
      model.backward(1, kept);
      gradients.push_back(numbers_of(parameters, [](const Parameter& p) { return p.gradient; }));
      losses.push_back(numbers_of(loss)[0]);
      tokens.push_back(static_cast<double>(part.size() * of.sizes.context));
    }
    communicated = examiner.ledger().since(before);
  }

  double own_tokens() const {
    double sum = 0;
    for (const double number : tokens) sum += number;
    return sum;
  }
  /// Σ over micro-batches of factor(micro-batch) × its gradients, or × its losses.
  template <class Factor>
  Numbers sum(const Factor& factor) const {
    Numbers all = times(gradients[0], factor(size_t{0}));
    for (size_t i = 1; i < gradients.size(); ++i) all = combined(all, 1, gradients[i], factor(i));
    return all;
  }
  template <class Factor>
  double loss(const Factor& factor) const {
    double all = 0;
    for (size_t i = 0; i < losses.size(); ++i) all += factor(i) * losses[i];
    return all;
  }
};

}  // namespace shard
