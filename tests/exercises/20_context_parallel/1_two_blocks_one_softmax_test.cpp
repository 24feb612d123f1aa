// Blocks of scores and values are merged by the answer, one after the other, and compared with one
// softmax over all of them.
#include "exercises/20_context_parallel/1_two_blocks_one_softmax.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tests/exercises/support.h"

namespace shard {
namespace {

constexpr int64_t width = 5;
constexpr double none = -INFINITY;

using Merge = std::function<BlockResult(const BlockResult&, const BlockResult&)>;

/// Some keys: their scores [keys], and values [keys × width].
struct Keys {
  std::vector<double> scores;
  Matrix values;
};

BlockResult result_of(const Keys& keys) {
  const double max = keys.scores.empty() ? 0 : *std::ranges::max_element(keys.scores);
  double sum = 0;
  std::vector<double> output(width, 0.0);
  for (size_t key = 0; key < keys.scores.size(); ++key) {
    const double e = std::exp(keys.scores[key] - max);
    sum += e;
    for (int64_t i = 0; i < width; ++i)
      output[static_cast<size_t>(i)] += e * keys.values(static_cast<int64_t>(key), i);
  }
  BlockResult result{std::vector<float>(width, 0.0f), -INFINITY};
  if (keys.scores.empty()) return result;
  for (size_t i = 0; i < output.size(); ++i) result.output[i] = static_cast<float>(output[i] / sum);
  result.log_sum_exp = static_cast<float>(max + std::log(sum));
  return result;
}

/// Blocks in the order in which they come.
struct Case {
  std::string name;
  std::vector<Keys> blocks;

  BlockResult merged_by(const Merge& merge) const {
    BlockResult all = result_of(blocks[0]);
    for (size_t i = 1; i < blocks.size(); ++i) all = merge(all, result_of(blocks[i]));
    return all;
  }
  BlockResult expected() const {
    Keys all{{}, Matrix(0, width)};
    for (const Keys& block : blocks) {
      all.scores.insert(all.scores.end(), block.scores.begin(), block.scores.end());
      all.values.values.insert(all.values.values.end(), block.values.values.begin(),
                               block.values.values.end());
      all.values.rows += block.values.rows;
    }
    return result_of(all);
  }
};

/// Shares of both outputs, and the new log-sum-exp, as functions of a and b.
using Shares = std::function<std::array<double, 3>(double a, double b)>;
Merge by(const Shares& shares_of) {
  return [=](const BlockResult& a, const BlockResult& b) {
    const auto [first, second, log_sum_exp] = shares_of(a.log_sum_exp, b.log_sum_exp);
    BlockResult both{a.output, static_cast<float>(log_sum_exp)};
    for (size_t i = 0; i < both.output.size(); ++i)
      both.output[i] = static_cast<float>(first * a.output[i] + second * b.output[i]);
    return both;
  };
}

double log_add(double a, double b) {
  const double max = std::max(a, b);
  return max == none ? none : max + std::log(std::exp(a - max) + std::exp(b - max));
}
double share(double a, double b) { return a == none ? 0 : std::exp(a - log_add(a, b)); }
/// A result that is right where neither block is empty.
Merge unless_empty(const Merge& merge, const std::function<bool(double a, double b)>& fails) {
  return [=](const BlockResult& a, const BlockResult& b) {
    BlockResult both = merge(a, b);
    if (!fails(a.log_sum_exp, b.log_sum_exp)) return both;
    std::ranges::fill(both.output, NAN);
    both.log_sum_exp = NAN;
    return both;
  };
}

struct Slip {
  std::string diagnosis;
  Merge merge;
};

std::vector<Slip> slips() {
  const Merge right = by([](double a, double b) {
    return std::array{share(a, b), share(b, a), log_add(a, b)};
  });
  return {
      {"the mean of the two outputs: a block with larger scores weighs more",
       by([](double a, double b) {
         return std::array{0.5, 0.5, log_add(a, b)};
       })},
      {"the sum of the two outputs: each has been divided by its own sum, so they need shares",
       by([](double a, double b) {
         return std::array{1.0, 1.0, log_add(a, b)};
       })},
      {"weighed by the log-sum-exps themselves: the shares are their exponentials",
       by([](double a, double b) {
         return a == none && b == none ? std::array{1.0, 0.0, none}
                                       : std::array{a / (a + b), b / (a + b), log_add(a, b)};
       })},
      {"with the shares exchanged: the first output's is exp(a) / (exp(a) + exp(b))",
       by([](double a, double b) {
         return std::array{share(b, a), share(a, b), log_add(a, b)};
       })},
      {"right for two blocks, but with the log-sum-exp of the first only: a third block then "
       "weighs "
       "too much",
       by([](double a, double b) {
         return std::array{share(a, b), share(b, a), a};
       })},
      {"right for two blocks, but with the log-sum-exp of the second only: a third block then "
       "weighs too much",
       by([](double a, double b) {
         return std::array{share(a, b), share(b, a), b};
       })},
      {"right for two blocks, but with the larger log-sum-exp instead of that of both",
       by([](double a, double b) {
         return std::array{share(a, b), share(b, a), std::max(a, b)};
       })},
      {"right for two blocks, but with the sum of the log-sum-exps, which is the logarithm of a "
       "product: add the exponentials",
       by([](double a, double b) {
         return std::array{share(a, b), share(b, a), a + b};
       })},
      {"right for two blocks, but with the sum of the exponentials in the place of its logarithm",
       by([](double a, double b) {
         return std::array{share(a, b), share(b, a),
                           a == none && b == none ? none
                                                  : double{std::exp(static_cast<float>(a)) +
                                                           std::exp(static_cast<float>(b))}};
       })},
      {"not divided by the sum of both: exp(a - m) and exp(b - m) are no shares yet",
       by([](double a, double b) {
         const double max = std::max(a, b);
         return std::array{a == none ? 0 : std::exp(a - max), b == none ? 0 : std::exp(b - max),
                           log_add(a, b)};
       })},
      {"NaN where both blocks are empty: -∞ - (-∞) is NaN",
       unless_empty(right, [](double a, double b) { return a == none && b == none; })},
      {"NaN where the second block is empty: σ(-∞) is 0, but -∞ · 0 and ∞ · 0 are NaN",
       unless_empty(right, [](double a, double b) { return a != none && b == none; })},
      {"NaN where a block is empty: σ(-∞) is 0, but -∞ · 0 and ∞ · 0 are NaN",
       unless_empty(right, [](double a, double b) { return a == none || b == none; })},
      {"0 or NaN for large scores: exp overflows in f32 from 89 on, and is 0 below -103; subtract "
       "the larger log-sum-exp first",
       [](const BlockResult& a, const BlockResult& b) {
         const float of_a = std::exp(a.log_sum_exp), of_b = std::exp(b.log_sum_exp),
                     sum = of_a + of_b;
         BlockResult both{a.output, std::log(sum)};
         if (sum == 0.0f && a.log_sum_exp == -INFINITY && b.log_sum_exp == -INFINITY) return both;
         for (size_t i = 0; i < both.output.size(); ++i)
           both.output[i] = (of_a * a.output[i] + of_b * b.output[i]) / sum;
         return both;
       }},
      {"the first block's: nothing of the second is added",
       [](const BlockResult& a, const BlockResult&) { return a; }},
      {"the second block's: nothing of the first is kept",
       [](const BlockResult&, const BlockResult& b) { return b; }}};
}

bool near(double got, double expected) {
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got);
  if (std::isinf(expected) || std::isinf(got)) return got == expected;
  return std::abs(got - expected) <= 2e-5 * std::max(1.0, std::abs(expected));
}
bool same(const BlockResult& got, const BlockResult& expected) {
  bool holds =
      near(got.log_sum_exp, expected.log_sum_exp) && got.output.size() == expected.output.size();
  for (size_t i = 0; holds && i < got.output.size(); ++i)
    holds = near(got.output[i], expected.output[i]);
  return holds;
}

std::vector<Case> cases(const Examiner& examiner) {
  const auto keys = [&](const std::string& name, int64_t count, double level) {
    Keys block{{}, examiner.random(count, width, "values of " + name)};
    for (const double score : examiner.random(count, 1, "scores of " + name).values)
      block.scores.push_back(score + level);
    return block;
  };
  const Keys a = keys("a", 7, 0.5), b = keys("b", 4, 1.5), c = keys("c", 5, 2.0),
             empty = keys("", 0, 0);
  return {{"two blocks", {a, b}},
          {"three blocks", {a, b, c}},
          {"three blocks in another order", {c, a, b}},
          {"an empty block first", {empty, b, a}},
          {"an empty block second", {a, empty, c}},
          {"two empty blocks", {empty, empty}},
          {"two empty blocks, then one that is not", {empty, empty, c}},
          {"large scores", {keys("d", 6, 200), keys("e", 3, 201)}},
          {"scores far below zero", {keys("f", 6, -201), keys("g", 3, -200)}}};
}

std::string shown(const BlockResult& result) {
  std::string numbers;
  for (const float number : result.output) numbers += text(numbers.empty() ? "" : ", ", number);
  return text("[", numbers, "], log-sum-exp ", result.log_sum_exp);
}

}  // namespace

void examine(Examiner& examiner) {
  const std::vector<Case> all = cases(examiner);
  std::vector<BlockResult> got;
  examiner.attempt("merged", [&] {
    for (const Case& one : all) got.push_back(one.merged_by(merged));
    const auto fits = [&](const auto& answer) {
      for (size_t i = 0; i < all.size(); ++i)
        if (!same(got[i], answer(all[i]))) return false;
      return true;
    };
    std::string diagnosis;
    if (!fits([](const Case& of) { return of.expected(); })) {
      for (const Slip& slip : slips())
        if (diagnosis.empty() && fits([&](const Case& of) { return of.merged_by(slip.merge); }))
          diagnosis = "your result is " + slip.diagnosis;
      for (size_t i = 0; diagnosis.empty() && i < all.size(); ++i) {
        if (!same(got[i], all[i].expected()))
          diagnosis = text("your result of ", all[i].name, " is ", shown(got[i]), ", expected ",
                           shown(all[i].expected()));
      }
    }
    examiner.expect("one softmax in " + text(all.size(), " cases"), diagnosis.empty(), diagnosis);
  });
}

}  // namespace shard
