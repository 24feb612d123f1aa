#include "exercises/09_data_parallel/1_mean_over_ranks.h"

#include <algorithm>
#include <cmath>

#include "tests/exercises/examiner.h"

namespace shard {

static constexpr int64_t elements = 23;
static constexpr double samples_of[] = {5, 0, 11, 3};  // of ranks 0, 1, …

/// Σ over ranks of factor(rank) · the rank's mean.
static Matrix combined(const std::vector<Matrix>& means,
                       const std::function<double(size_t)>& factor) {
  Matrix sum(1, means[0].columns);
  for (size_t rank = 0; rank < means.size(); ++rank) {
    for (size_t i = 0; i < sum.values.size(); ++i)
      sum.values[i] += factor(rank) * means[rank].values[i];
  }
  return sum;
}

static bool is_infinite(const Tensor& x) {
  const std::vector<float> values = x ? x.to_host() : std::vector<float>{0.0f};
  return std::ranges::all_of(values, [](float value) { return std::isinf(value); });
}

static void expect_mean(Examiner& examiner, const std::string& name, const Tensor& got,
                        const std::vector<Matrix>& means) {
  const auto me = static_cast<size_t>(examiner.world().rank());
  const auto n = [](size_t rank) { return samples_of[rank]; };
  const auto t = static_cast<double>(means.size());
  double all = 0, squares = 0, with_samples = 0, at_least_one = 0;
  for (size_t rank = 0; rank < means.size(); ++rank) {
    all += n(rank);
    squares += n(rank) * n(rank);
    with_samples += n(rank) > 0;
    at_least_one += std::max(n(rank), 1.0);
  }
  if (n(me) == 0 && is_infinite(got)) {
    return examiner.expect(name, false,
                           text("your ", name,
                                " is infinite on the rank without samples: it was divided by this "
                                "rank's own number of samples instead of that of all ranks"));
  }
  std::vector<Suspect> suspects;
  const auto suspect = [&](const std::string& diagnosis,
                           const std::function<double(size_t)>& factor) {
    suspects.push_back(Suspect::result(diagnosis, combined(means, factor)));
  };
  suspect(
      "the plain mean of the ranks' means: a rank with few samples (or none) counted as much as "
      "one with many. Weight each mean by its number of samples",
      [=](size_t) { return 1 / t; });
  suspect(
      "the plain mean of the means of the ranks that have samples: weight each mean by its number "
      "of samples",
      [=](size_t rank) { return n(rank) > 0 ? 1 / with_samples : 0; });
  suspect(
      "the sum of the ranks' means: they were neither weighted by their numbers of samples nor "
      "divided",
      [](size_t) { return 1.0; });
  if (with_samples == 1) {  // what is told apart where several ranks have samples is the same here
    suspect(text("the right ", name,
                 " divided by the number of samples: either the mean was not multiplied by it, or "
                 "the number that it was divided by was, too"),
            [=](size_t) { return 1 / all; });
  } else {
    suspect(
        "the sum of the ranks' means divided by the number of all samples: they were not weighted "
        "by their numbers of samples",
        [=](size_t) { return 1 / all; });
    suspect("Σ samples × mean, divided by Σ samples² instead of Σ samples",
            [=](size_t rank) { return n(rank) / squares; });
    for (const double divisor : {squares, all}) {
      suspect(text("Σ samples² × mean, divided by Σ samples", divisor == all ? "" : "²",
                   ": the weight of a mean is its number of samples"),
              [=](size_t rank) { return n(rank) * n(rank) / divisor; });
    }
  }
  if (at_least_one != all) {
    suspect("Σ samples × mean, divided by a number in which a rank without samples counts as one",
            [=](size_t rank) { return n(rank) / at_least_one; });
  }
  suspect(text("Σ samples × mean, ", all, " times the right ", name,
               ": it was not divided by the number of all samples"),
          [=](size_t rank) { return n(rank); });
  suspect(text("the right ", name,
               " divided by the number of ranks: dividing by the number of all samples is enough"),
          [=](size_t rank) { return n(rank) / all / t; });
  suspect("this rank's own mean: those of the other ranks were never added",
          [=](size_t rank) { return rank == me ? 1.0 : 0.0; });
  suspect(
      "this rank's own mean times its share of the samples: those of the other ranks were never "
      "added",
      [=](size_t rank) { return rank == me ? n(rank) / all : 0.0; });
  if (n(me) > 0) {
    suspect(
        "the sum over all samples divided by this rank's own number of samples instead of that of "
        "all ranks",
        [=](size_t rank) { return n(rank) / n(me); });
  }
  examiner.expect(name, got, combined(means, [=](size_t rank) { return n(rank) / all; }), suspects);
}

void examine(Examiner& examiner) {
  Communicator& world = examiner.world();
  std::vector<Matrix> gradients, losses;
  for (size_t rank = 0; rank < static_cast<size_t>(world.size()); ++rank) {
    const bool has_samples = samples_of[rank] > 0;
    gradients.push_back(has_samples ? examiner.random(1, elements, text("gradient ", rank))
                                    : Matrix(1, elements));
    losses.emplace_back(1, 1);
    if (has_samples) losses.back()(0, 0) = 1.5f + 0.7f * static_cast<float>(rank * rank);
  }
  const auto me = static_cast<size_t>(world.rank());
  const MeanLoss mine{examiner.vector(gradients[me], "gradient"),
                      examiner.vector(losses[me], "loss")};

  const Ledger before = examiner.ledger();
  const MeanLoss mean = mean_over_ranks(world, mine, static_cast<int64_t>(samples_of[me]));
  expect_mean(examiner, "gradient", mean.gradient, gradients);
  expect_mean(examiner, "loss", mean.loss, losses);
  examiner.expect_ledger("one all_reduce of gradient, loss and number of samples together", before,
                         {{Collective::all_reduce, 1, (elements + 2) * 4}});
}

}  // namespace shard
