#include "exercises/21_experts/3_who_is_overloaded.h"

#include <algorithm>

#include "tests/exercises/terms.h"

namespace shard {
namespace {

constexpr int64_t experts = 5, k = 2;
constexpr double alpha = 0.3;

/// The tokens of one rank.
struct Part {
  Matrix probabilities;         // [tokens × experts]
  std::vector<int32_t> chosen;  // [tokens × k]

  std::vector<double> counts() const {
    std::vector<double> all(experts, 0);
    for (int32_t expert : chosen) ++all[static_cast<size_t>(expert)];
    return all;
  }
  double tokens() const { return static_cast<double>(probabilities.rows); }
};

/// Each rank prefers other experts; rank 1 has no tokens in the second case.
Part part_of_rank(const Examiner& examiner, int rank, bool some_empty) {
  const int64_t tokens = some_empty && rank == 1 ? 0 : 4 + 3 * rank;
  Matrix logits = examiner.random(tokens, experts, text("logits of rank ", rank, some_empty));
  for (int64_t i = 0; i < tokens; ++i) logits(i, (2 * rank + 1) % experts) += 1.5;
  Part part{reference::softmax(logits), {}};
  for (const reference::Choice& choice : reference::route(logits, Matrix(1, experts), k, false))
    for (int64_t expert : choice.experts) part.chosen.push_back(static_cast<int32_t>(expert));
  return part;
}

/// All tokens of some parts, one after the other.
Part together(const std::vector<Part>& parts) {
  Part all{Matrix(0, experts), {}};
  for (const Part& part : parts) {
    all.probabilities.rows += part.probabilities.rows;
    all.probabilities.values.insert(all.probabilities.values.end(),
                                    part.probabilities.values.begin(),
                                    part.probabilities.values.end());
    all.chosen.insert(all.chosen.end(), part.chosen.begin(), part.chosen.end());
  }
  return all;
}

double loss_of(const std::vector<double>& counts, const Part& of_p) {
  double choices = 0, loss = 0;
  for (double count : counts) choices += count;
  const Matrix sums = column_sums(of_p.probabilities);
  for (int64_t i = 0; i < experts && choices > 0 && of_p.tokens() > 0; ++i)
    loss += counts[static_cast<size_t>(i)] / choices * sums(0, i) / of_p.tokens();
  return alpha * experts * loss;
}

/// The gradient for `rows` tokens: α·E·f_i / tokens.
Matrix gradient_of(const std::vector<double>& counts, double tokens, int64_t rows) {
  double choices = 0;
  for (double count : counts) choices += count;
  Matrix gradient(rows, experts);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < experts; ++i)
      gradient(row, i) = alpha * experts * counts[static_cast<size_t>(i)] / choices / tokens;
  }
  return gradient;
}

void check(Examiner& examiner, bool some_empty, const std::string& of) {
  Communicator& world = examiner.world();
  const int ranks = world.size();
  std::vector<Part> parts;
  for (int rank = 0; rank < ranks; ++rank)
    parts.push_back(part_of_rank(examiner, rank, some_empty));
  const Part& own = parts[static_cast<size_t>(world.rank())];
  const Part all = together(parts);
  const std::vector<double> counts = all.counts();
  const RoutedTokens tokens{examiner.tensor(own.probabilities, "probabilities"),
                            Tensor::from(examiner.backend(), {own.probabilities.rows, k},
                                         std::span<const int32_t>(own.chosen))};
  const Ledger before = examiner.ledger();
  const Balance got = balance_of(world, tokens, alpha);
  const double right = loss_of(counts, all);
  double mean = 0, local_f = 0;
  for (const Part& part : parts) {
    mean += loss_of(part.counts(), part) / ranks;
    local_f += loss_of(part.counts(), part) * part.tokens() / all.tokens();
  }
  const auto number = [](double value) {
    Matrix one(1, 1);
    one(0, 0) = value;
    return one;
  };
  const auto times_right = [&](const std::string& diagnosis, double factor) {
    return Suspect::result(diagnosis, number(right * factor));
  };
  examiner.expect(
      "loss" + of, got.loss, right,
      {Suspect::result("the loss of this rank's own tokens", number(loss_of(own.counts(), own))),
       Suspect::result(
           "the mean of the ranks' own losses: f and P are over the tokens of all ranks",
           number(mean)),
       Suspect::result(
           "the mean of the ranks' own losses, weighted by their tokens: f, too, is over "
           "the tokens of all ranks",
           number(local_f)),
       Suspect::result("computed with f of this rank's own tokens",
                       number(loss_of(own.counts(), all))),
       Suspect::result("computed with P of this rank's own tokens", number(loss_of(counts, own))),
       times_right("k times too large: a token has k choices, and f is their share of all", k),
       times_right("divided by k: P is a mean over tokens, not over choices", 1.0 / k),
       times_right("without the factor α", 1 / alpha),
       times_right("without the factor E", 1.0 / experts),
       times_right("too large by the number of all tokens: P is a mean", all.tokens()),
       times_right("summed over the ranks again: t times too large", ranks)},
      1e-4);
  const int64_t rows = own.probabilities.rows;
  const Matrix gradient = gradient_of(counts, all.tokens(), rows);
  const auto times_gradient = [&](const std::string& diagnosis, double factor) {
    return Suspect::result(diagnosis, scaled(gradient, factor));
  };
  std::vector<Suspect> suspects;
  if (rows > 0) {
    suspects = {
        Suspect::result("computed with f of this rank's own tokens",
                        gradient_of(own.counts(), all.tokens(), rows)),
        Suspect::result("that of the loss of this rank's own tokens",
                        gradient_of(own.counts(), own.tokens(), rows)),
        Suspect::result("divided by this rank's tokens; P is a mean over those of all ranks",
                        gradient_of(counts, own.tokens(), rows)),
        times_gradient("0: P depends on the probabilities", 0),
        times_gradient("k times too large: a token has k choices, and f is their share of all", k),
        times_gradient("without the factor α", 1 / alpha),
        times_gradient("without the factor E", 1.0 / experts),
        times_gradient("too large by the number of all tokens: P is a mean", all.tokens()),
        times_gradient("twice too large: f is a constant for the gradient", 2),
        times_gradient("divided by the number of ranks", 1.0 / ranks),
        times_gradient("summed over the ranks: t times too large", ranks)};
    Matrix chosen_only = gradient, p_times = gradient;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < experts; ++i) {
        const auto first = own.chosen.begin() + row * k;
        chosen_only(row, i) *= std::find(first, first + k, static_cast<int32_t>(i)) != first + k;
        p_times(row, i) *= own.probabilities(row, i);
      }
    }
    suspects.push_back(Suspect::result(
        "right for the chosen experts and 0 for the others: P_i has every token's probability",
        chosen_only));
    suspects.push_back(Suspect::result(
        "multiplied by the probabilities: that is the loss's share of each", p_times));
  }
  examiner.expect("dprobabilities" + of, got.dprobabilities, gradient, suspects);
  examiner.expect_ledger("one all_reduce of 2·experts numbers" + of, before,
                         {{Collective::all_reduce, 1, 2 * experts * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("unequal numbers of tokens", [&] { check(examiner, false, ""); });
  if (!examiner.verdict()) return;
  examiner.attempt("a rank without tokens",
                   [&] { check(examiner, true, " (a rank without tokens)"); });
}

}  // namespace shard
