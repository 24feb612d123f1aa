// The mistakes that the test of 10.3 knows: wrong losses, gradients and norms, computed as a wrong
// answer computes them. All are collective.
#pragma once
#include <cmath>

#include "tests/exercises/10_tensor_and_data_parallel/step_case.h"

namespace shard {

struct WrongNumbers {
  std::string diagnosis;
  Numbers numbers;
};
struct WrongNumber {
  std::string diagnosis;
  double number;
};

class StepMistakes {
 public:
  StepMistakes(Grid& grid, const StepCase& of, const Passes& passes, const Parameters& parameters)
      : grid_(grid), of_(of), passes_(passes), parameters_(parameters) {}

  std::vector<WrongNumber> losses() const {
    const double all = of_.all_tokens(), own = passes_.own_tokens();
    const auto d = static_cast<double>(grid_.dp().size());
    const auto a = static_cast<double>(of_.settings.accumulate);
    const auto sum = [&](double x) { return sum_of(grid_.dp(), x); };
    const auto each = [&](size_t i) { return 1 / passes_.tokens[i]; };
    const auto one = [](size_t) { return 1.0; };
    const double mine = passes_.loss(one);
    return {
        {"that of this rank's tokens only: the dp ranks' losses were never added", mine / own},
        {"the sum over this rank's tokens, divided by the tokens of all: the dp ranks' losses were "
         "never added",
         mine / all},
        {"the mean of the dp ranks' means: a rank with few sequences counted as much as one with "
         "many",
         sum(mine / own) / d},
        {"the sum of the dp ranks' means", sum(mine / own)},
        {"made of the micro-batches' means: a small micro-batch counted as much as a large one",
         sum(passes_.loss(each)) / a / d},
        {"the sum of the micro-batches' means", sum(passes_.loss(each))},
        {"the sum of the micro-batches' means, divided by the number of dp ranks only",
         sum(passes_.loss(each)) / d},
        {"that of the last micro-batch only", passes_.losses.back() / passes_.tokens.back()},
        {"that of the last micro-batches only", sum(passes_.losses.back()) / all},
        {"divided by the number of dp ranks, though the sum was divided by all tokens already",
         sum(mine) / all / d},
        {"the sum over all tokens: divide it by their number", sum(mine)},
        {"the sum over all tokens divided by the number of sequences: divide it by the number of "
         "tokens",
         sum(mine) / static_cast<double>(of_.settings.batch)},
        {"added over the tp ranks, too: all of them have the same losses",
         sum_of(grid_.world(), mine) / all}};
  }

  /// `before`: what the gradients held before the step.
  std::vector<WrongNumbers> gradients(const Numbers& before) const {
    const double all = of_.all_tokens(), own = passes_.own_tokens();
    const auto d = static_cast<double>(grid_.dp().size()), t = double(grid_.tp().size());
    const auto a = static_cast<double>(of_.settings.accumulate);
    const double b1 = of_.settings.beta1;
    const auto every = [](double factor) { return [=](size_t) { return factor; }; };
    const auto each = [&](double factor) {
      return [this, factor](size_t i) { return factor / passes_.tokens[i]; };
    };
    const Numbers mine = passes_.sum(every(1 / all)), right = reduced(mine);
    const Numbers means = reduced(passes_.sum(every(1 / own)));
    const Numbers small_means = reduced(passes_.sum(each(1)));
    const Numbers over_dp = over(grid_.dp(), mine, any);
    Numbers every_time = reduced(times(passes_.gradients[0], 1 / all));
    for (size_t i = 1; i < passes_.gradients.size(); ++i)
      every_time = reduced(combined(every_time, 1, passes_.gradients[i], 1 / all));
    std::vector<WrongNumbers> wrong = {
        {"the right ones plus what they held before the step: set them to 0 first",
         reduced(combined(mine, 1, before, 1))},
        {"summed over the dp ranks where each is the mean over its own tokens: that is about d "
         "times too much. Divide by the tokens of the whole batch, or average",
         means},
        {"the mean of the dp ranks' means: a rank with few sequences counted as much as one with "
         "many. Divide by the tokens of the whole batch instead",
         times(means, 1 / d)},
        {"made of the micro-batches' means: a small micro-batch counted as much as a large one. "
         "Divide by the tokens of the whole batch instead",
         times(small_means, 1 / a / d)},
        {"the sum of the micro-batches' means: divide by the tokens of the whole batch instead",
         small_means},
        {"the sum of the micro-batches' means, divided by the number of dp ranks only",
         times(small_means, 1 / d)},
        {"divided by the number of dp ranks, though the mean was over all tokens already",
         times(right, 1 / d)},
        {"without the other tp ranks' terms of those gradients that are partial over tp, too: each "
         "tp rank has a different norm by now",
         over_dp},
        {"averaged over tp where they are partial sums: add them up",
         averaged(right, t, partial_over_tp)},
        {"t times too large where tp ranks hold the same and have all of the gradient: only what "
         "is partial over tp is summed over it",
         over(grid_.tp(), over_dp, [](const Parameter& p) { return p.is_replicated(); })},
        {"summed over all ranks, also those of parameters whose tp ranks hold different parts",
         over(grid_.tp(), over_dp, any)},
        {"too much of the first micro-batches: they were reduced after every pass, so what had "
         "already been summed was summed again",
         every_time},
        {"those of the last micro-batch: each pass began with zeros",
         reduced(times(passes_.gradients.back(), 1 / all))},
        {"summed, not averaged, over the tokens: their number is missing", times(right, all)},
        {"divided by the number of sequences: divide by the number of tokens",
         times(right, all / static_cast<double>(of_.settings.batch))},
        {"1 + beta1 times too large in the first moment: the update was run twice",
         times(right, 1 + b1)}};
    if (grid_.dp().size() > 1) {
      for (const Numbers& one : {over_tp(mine), mine, over_tp(passes_.sum(every(1 / own)))})
        wrong.push_back({"those of this rank's sequences: they were not summed over dp", one});
    }
    return wrong;
  }

  /// Given the right gradients of this rank, after the reduction.
  std::vector<WrongNumber> norms(const Numbers& right) const {
    const auto t = grid_.tp().size();
    const Numbers mine = passes_.sum([&](size_t) { return 1 / of_.all_tokens(); });
    const double counted = squares(right, counts), all = squares(right, any),
                 before = squares(mine, counts);
    const auto sum = [&](double x) { return sum_of(grid_.tp(), x); };
    const auto world = [&](double x) { return sum_of(grid_.world(), x); };
    const double norm = std::sqrt(sum(counted));
    return {
        {"its square: take the root", norm * norm},
        {"that of this rank's shards only: the tp ranks' squares were not added",
         std::sqrt(counted)},
        {"that of all that this rank holds: the tp ranks' squares were not added", std::sqrt(all)},
        {text("too large: what all tp ranks hold was counted ", t,
              " times, not only where the parameter counts"),
         std::sqrt(sum(all))},
        {"too large: the squares were added over dp, too, where all ranks hold the same gradients",
         std::sqrt(world(counted))},
        {"too large: every rank of the world counted all that it holds", std::sqrt(world(all))},
        {"the sum of the tp ranks' norms: add squares, and take the root once",
         sum(std::sqrt(counted))},
        {"the sum of the tp ranks' norms of all that they hold: add squares, and count each "
         "parameter once",
         sum(std::sqrt(all))},
        {"too small: parameters that all tp ranks hold were left out",
         std::sqrt(sum(squares(right, [](const Parameter& p) { return !p.is_replicated(); })))},
        {"that of this rank's gradients before they were reduced", std::sqrt(before)},
        {"that of all this rank's gradients before they were reduced",
         std::sqrt(squares(mine, any))},
        {"that of this replica's gradients before they were reduced", std::sqrt(sum(before))},
        {"that of all ranks' gradients before they were reduced: the norm of a sum is not made of "
         "its terms' norms",
         std::sqrt(world(before))},
        {"that after clipping: it is wanted before", std::min(norm, of_.settings.clip)}};
  }

  /// What the gradients are multiplied by, if not by min(1, clip / norm).
  std::vector<WrongNumber> factors(const Numbers& right, double norm) const {
    const double clip = of_.settings.clip;
    const double f = std::min(1.0, clip / norm);
    const auto limited = [&](double x) { return std::min(1.0, clip / std::sqrt(x)); };
    return {
        {"not clipped", 1},
        {"clipped twice", f * f},
        {"divided by their norm, whatever the limit", 1 / norm},
        {"clipped by the square of the norm: take the root", std::min(1.0, clip / norm / norm)},
        {"scaled up to the limit, though they were smaller: clipping only shortens", clip / norm},
        {"clipped with this rank's own norm, where all ranks need the same factor",
         limited(squares(right, counts))},
        {"clipped with the norm of all that this rank holds, where all ranks need the same factor",
         limited(squares(right, any))}};
  }

  /// Clipped with each rank's own norm, and then reduced.
  Numbers clipped_before_reduction(bool counted) const {
    const Numbers mine = passes_.sum([&](size_t) { return 1 / of_.all_tokens(); });
    const double own = squares(mine, counted ? counts : any);
    return reduced(times(mine, std::min(1.0, of_.settings.clip / std::sqrt(own))));
  }

 private:
  using Which = bool (*)(const Parameter&);
  static bool any(const Parameter&) { return true; }
  static bool counts(const Parameter& parameter) { return parameter.counts; }
  static bool partial_over_tp(const Parameter& p) { return p.is_partial_over("tp"); }

  static double sum_of(Communicator& group, double x) {
    const auto one = static_cast<float>(x);
    const Tensor term = Tensor::from(group.backend(), {1}, std::span<const float>(&one, 1));
    return static_cast<double>(group.all_reduce(PartialSum(term)).to_host()[0]);
  }
  Numbers over(Communicator& group, Numbers numbers, Which which) const {
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (!which(*parameters_[i])) continue;
      const std::vector<float> mine(numbers[i].begin(), numbers[i].end());
      const Tensor term =
          Tensor::from(group.backend(), {std::ssize(mine)}, std::span<const float>(mine));
      numbers[i] = numbers_of(group.all_reduce(PartialSum(term)));
    }
    return numbers;
  }
  Numbers over_tp(const Numbers& numbers) const {
    return over(grid_.tp(), numbers, partial_over_tp);
  }
  Numbers reduced(const Numbers& numbers) const { return over_tp(over(grid_.dp(), numbers, any)); }
  Numbers averaged(Numbers numbers, double ranks, Which which) const {
    for (size_t i = 0; i < numbers.size(); ++i) {
      for (double& number : numbers[i]) number /= which(*parameters_[i]) ? ranks : 1;
    }
    return numbers;
  }
  double squares(const Numbers& numbers, Which which) const {
    double sum = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (which(*parameters_[i])) sum += dot({numbers[i]}, {numbers[i]});
    }
    return sum;
  }

  Grid& grid_;
  const StepCase& of_;
  const Passes& passes_;
  const Parameters& parameters_;
};

}  // namespace shard
