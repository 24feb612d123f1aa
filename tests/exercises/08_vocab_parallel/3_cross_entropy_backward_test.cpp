#include "exercises/08_vocab_parallel/3_cross_entropy_backward.h"

#include <functional>

#include "tests/exercises/08_vocab_parallel/sharded_logits.h"

namespace shard {
namespace {

constexpr float smoothing = 0.2f;

/// One rank's gradients, right and wrong, in double precision.
struct Gradient {
  const ShardedLogits& all;
  int rank;

  double v() const { return static_cast<double>(all.vocabulary); }
  double n() const { return static_cast<double>(all.with_target()); }
  double softmax(int64_t i, int64_t word) const {
    return std::exp(all.logits(i, word) - all.max(i)) / all.sum_of_exps(i);
  }
  bool is_target(int64_t i, int64_t word) const { return all.target(i) == word; }
  double right(int64_t i, int64_t word) const {
    return (softmax(i, word) - (1 - all.smoothing) * is_target(i, word) - all.smoothing / v()) /
           n();
  }

  /// [tokens × columns]: of(token, word) at the words, `padding` after them, 0 for ignored tokens
  /// if they are to be.
  Matrix made(const std::function<double(int64_t, int64_t)>& of, double padding = 0,
              bool ignore = true) const {
    const Range words = all.words_of(rank);
    Matrix out(all.logits.rows, all.columns);
    for (int64_t i = 0; i < out.rows; ++i) {
      if (ignore && all.target(i) < 0) continue;
      for (int64_t j = 0; j < out.columns; ++j)
        out(i, j) = j < words.size() ? of(i, words.begin + j) : padding;
    }
    return out;
  }
  Matrix right() const {
    return made([this](int64_t i, int64_t word) { return right(i, word); });
  }
};

/// Mistakes in the formula.
std::vector<Suspect> wrong_formulas(const Gradient& g) {
  const double e = g.all.smoothing, v = g.v(), n = g.n();
  const auto wrong = [&](const char* diagnosis, const std::function<double(int64_t, int64_t)>& of) {
    return Suspect::result(diagnosis, g.made(of));
  };
  const auto smoothed = [=](double at_target, double at_all) {
    return [=](int64_t i, int64_t w) {
      return (g.softmax(i, w) - at_target * g.is_target(i, w) - at_all) / n;
    };
  };
  return {
      wrong("that of the loss without label smoothing", smoothed(1, 0)),
      wrong("without the term -ε/V, that every word gets", smoothed(1 - e, 0)),
      wrong("(1-ε) times that of the loss without label smoothing: ε · (softmax - 1/V) is missing",
            [=](int64_t i, int64_t w) {
              return (1 - e) * (g.softmax(i, w) - g.is_target(i, w)) / n;
            }),
      wrong("computed with (1-ε) · softmax: 1-ε belongs to the target, the softmax counts once",
            [=](int64_t i, int64_t w) {
              return ((1 - e) * (g.softmax(i, w) - g.is_target(i, w)) - e / v) / n;
            }),
      wrong("computed with the target's whole 1, and -ε/V as well: the target's share is 1-ε",
            smoothed(1, e / v)),
      wrong("computed with ε and 1-ε exchanged: 1-ε belongs to the target",
            smoothed(e, (1 - e) / v)),
      wrong("smoothed over the V-1 other words: here every word gets ε/V, including the target",
            smoothed(1 - e - e / (v - 1), e / (v - 1))),
      wrong("computed with ε over this rank's columns: V is the number of all ranks' words",
            smoothed(1 - e, e / static_cast<double>(g.all.columns))),
      wrong("computed with ε over this rank's words: V is the number of all ranks' words",
            smoothed(1 - e, e / static_cast<double>(g.all.mine().size()))),
      wrong("computed with the softmax left out: only the target distribution is subtracted",
            [=](int64_t i, int64_t w) { return -((1 - e) * g.is_target(i, w) + e / v) / n; })};
}

/// Mistakes about ranks, padding, and what the mean is over.
std::vector<Suspect> wrong_parts(const Gradient& g) {
  const ShardedLogits& all = g.all;
  const double e = all.smoothing, v = g.v(), n = g.n();
  const auto tokens = static_cast<double>(all.logits.rows);
  const auto right = [&](int64_t i, int64_t w) { return g.right(i, w); };
  const auto softmax_of = [&](Range words) {
    return [&g, words, e, v, n](int64_t i, int64_t w) {
      const double sum = g.all.sum_of_exps(i, words, g.all.max(i));
      return (std::exp(g.all.logits(i, w) - g.all.max(i)) / sum - (1 - e) * g.is_target(i, w) -
              e / v) /
             n;
    };
  };
  const auto local_target = [&](int64_t i, int64_t w) {
    return (g.softmax(i, w) - (1 - e) * (all.target(i) == w - all.mine().begin) - e / v) / n;
  };
  const auto exponentials = [&](int64_t i, int64_t w) {
    return g.right(i, w) + g.softmax(i, w) * (all.sum_of_exps(i) - 1) / n;
  };
  double own_targets = 0;
  for (int64_t i = 0; i < all.logits.rows; ++i)
    own_targets += all.target(i) >= all.mine().begin && all.target(i) < all.mine().end;
  Matrix over_ranks(all.logits.rows, all.columns);
  for (int r = 0; r < all.ranks; ++r) over_ranks = add(over_ranks, Gradient{all, r}.right());
  return {
      Suspect::result("right for the words, but not 0 in the padding: -ε/V belongs to words only",
                      g.made(right, -e / (v * n))),
      Suspect::result("divided by the number of ranks: each rank has logits of its own, nothing is "
                      "left to average",
                      scaled(g.right(), 1.0 / all.ranks)),
      Suspect::result("that of the mean over all tokens: the mean is over those that have a target",
                      scaled(g.right(), n / tokens)),
      Suspect::result(
          "that of the mean over the tokens whose target is a word of this rank: the mean "
          "is over all tokens that have a target",
          scaled(g.right(), n / std::max(own_targets, 1.0))),
      Suspect::result(
          "that of the mean over all tokens, and not 0 for those with target -1: they have no loss",
          scaled(g.made(right, 0, false), n / tokens)),
      Suspect::result(
          "right for tokens with a target, but not 0 for those with target -1: they have no loss",
          g.made(right, 0, false)),
      Suspect::result("that of the sum of the losses: the mean divides by the number of tokens "
                      "that have a target",
                      scaled(g.right(), n)),
      Suspect::result("computed with targets as if they were this rank's columns: they are words "
                      "of the whole vocabulary",
                      g.made(local_target)),
      Suspect::result(
          "computed with a softmax over only this rank's words: `sums` are those over all ranks",
          g.made(softmax_of(all.mine()))),
      Suspect::result("computed with the exponentials themselves: they are divided by `sums` first",
                      g.made(exponentials)),
      Suspect::result("the sum of all ranks' gradients: each rank has logits of its own, nothing "
                      "is left to sum",
                      over_ranks)};
}

void check(Examiner& examiner, int64_t vocabulary, const std::string& of) {
  constexpr int64_t tokens = 11;
  const ShardedLogits all(examiner, vocabulary, tokens, smoothing);
  const Gradient gradient{all, all.rank};
  const Matrix exps = gradient.made(
      [&](int64_t i, int64_t word) { return std::exp(all.logits(i, word) - all.max(i)); }, 0,
      false);
  Matrix sums(1, tokens);
  for (int64_t i = 0; i < tokens; ++i) sums(0, i) = all.sum_of_exps(i);
  const Tensor targets =
      Tensor::from(examiner.backend(), {tokens}, std::span<const int32_t>(all.targets));
  std::vector<Suspect> suspects = wrong_formulas(gradient);
  for (const Suspect& more : wrong_parts(gradient)) suspects.push_back(more);

  const Ledger before = examiner.ledger();
  const Tensor got = smoothed_cross_entropy_backward(examiner.world(), examiner.variable(exps),
                                                     examiner.vector(sums, "sums"), targets,
                                                     all.part(), smoothing);
  examiner.expect("gradient of the logits" + of, got, gradient.right(), suspects);
  examiner.expect_ledger("no communication" + of, before, {});
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("vocabulary of 37", [&] { check(examiner, 37, ""); });
  if (!examiner.verdict()) return;
  const int64_t few = examiner.world().size() + 1;  // on 3 and 4 ranks the last has padding only
  examiner.attempt(text("vocabulary of ", few),
                   [&] { check(examiner, few, text(" (vocabulary of ", few, ")")); });
}

}  // namespace shard
