// What the test of 10.3 gives to an answer: batches of the rank's own sequences, and a model in
// training on one grid.
#pragma once
#include "tests/exercises/10_tensor_and_data_parallel/step_case.h"

namespace shard {

/// The sequences that an answer asks for in a step. Throws Error for those of others.
class Sequences {
 public:
  Sequences(Examiner& examiner, Grid& grid, const StepCase& of, int64_t step)
      : examiner_(examiner), grid_(grid), of_(of), step_(step) {}

  Batch operator()(Range asked) {
    const Communicator& dp = grid_.dp();
    const Communicator& world = grid_.world();
    const std::string asks =
        text("rank ", world.rank(), " asks for sequences ", shown(asked), ": ");
    const std::vector<Range> mine = micro_batches(dp.size(), dp.rank());
    if (std::ranges::count(mine, asked) == 0) {
      const Range all = part_of(of_.settings.batch, dp.size(), dp.rank());
      require(dp.size() == 1 || asked != Range{0, of_.settings.batch}, asks,
              "the dp ranks share out the batch");
      require(asked != all, asks, "settings.accumulate cuts them into ", mine.size(),
              " micro-batches");
      require(std::ranges::count(micro_batches(world.size(), world.rank()), asked) == 0, asks,
              "the batch is shared out over the ranks of dp, not of the world, for the tp ranks of "
              "a replica compute the same sequences");
      std::string parts;
      for (const Range& part : mine) parts += (parts.empty() ? "" : ", ") + shown(part);
      throw Error(text(asks, "the micro-batches of its dp rank are ", parts));
    }
    require(std::ranges::count(computed_, asked) == 0, asks, "it has computed them in this step");
    computed_.push_back(asked);
    return of_.batch(examiner_.backend(), step_, asked);
  }

  void expect_all(const std::string& layout) const {
    const int64_t wanted = of_.settings.accumulate;
    examiner_.expect("", std::ssize(computed_) == wanted,
                     text("your step", layout, " computes ", computed_.size(), " of this rank's ",
                          wanted, " micro-batches"));
  }

 private:
  static std::string shown(const Range& range) {
    return range.size() == 1 ? text(range.begin) : text(range.begin, " … ", range.end - 1);
  }
  std::vector<Range> micro_batches(int ranks, int rank) const {
    std::vector<Range> all;
    const Range part = part_of(of_.settings.batch, ranks, rank);
    for (int i = 0; i < of_.settings.accumulate; ++i) {
      const Range one = part_of(part.size(), static_cast<int>(of_.settings.accumulate), i);
      all.push_back({part.begin + one.begin, part.begin + one.end});
    }
    return all;
  }

  Examiner& examiner_;
  Grid& grid_;
  const StepCase& of_;
  int64_t step_;
  std::vector<Range> computed_;
};

/// A model in training by the answer, on one grid.
class Run {
 public:
  Run(Examiner& examiner, Grid& grid, const StepCase& of)
      : model(grid.tp(), of.sizes, of.init),
        parameters(model.parameters()),
        layout(text(" on tp ", grid.tp().size(), " × dp ", grid.dp().size())),
        examiner_(examiner),
        grid_(grid),
        of_(of) {
    for (Parameter* parameter : parameters) {
      const Shape shape = parameter->value.shape();
      moments.first.push_back(Tensor::zeros(examiner.backend(), shape));
      moments.second.push_back(Tensor::zeros(examiner.backend(), shape));
      const Matrix before = examiner.random(1, shape.elements(),
                                            text(parameter->name, " before ", grid.world().rank()));
      parameter->gradient.assign(std::span<const float>(before.floats()));
    }
  }

  StepResult take(int64_t step) {
    Sequences sequences(examiner_, grid_, of_, step);
    const StepResult result = training_step(
        grid_, model, moments, step, [&](Range range) { return sequences(range); }, of_.settings);
    sequences.expect_all(layout);
    return result;
  }

  Numbers gradients() const {
    return numbers_of(parameters, [](const Parameter& p) { return p.gradient; });
  }
  Numbers weights() const {
    return numbers_of(parameters, [](const Parameter& p) { return p.value; });
  }
  static Numbers numbers(const std::vector<Tensor>& tensors) {
    Numbers all;
    for (const Tensor& tensor : tensors) all.push_back(numbers_of(tensor));
    return all;
  }

  OwnTokensGpt model;
  Parameters parameters;
  Moments moments;
  std::string layout;

 private:
  Examiner& examiner_;
  Grid& grid_;
  const StepCase& of_;
};

}  // namespace shard
