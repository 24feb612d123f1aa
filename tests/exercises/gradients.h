// What may be wrong with a gradient, in whatever layer: how often a term counts in it, what becomes
// of what it held before, which ranks' terms are in it, and whose arguments were exchanged.
#pragma once
#include <cmath>

#include "tests/exercises/support.h"

namespace shard {

/// The right result, except that `term`, named as in "Xᵀ·dY", counts so many times in it where it
/// should count once. `why` is said of the term: "was subtracted".
inline Suspect multiple(const std::string& what, const Matrix& term, double times,
                        const std::string& why) {
  return Suspect::extra(what, term, "it " + why, [extra = times - 1](double c) {
    return extra != 0 && std::abs(c - extra) < 0.01;
  });
}

inline const std::string t_times =
    "counts t times: it was added so often, or something was summed over the ranks that is the "
    "same on each of them";

/// A gradient that overwrote what it (or its part, `held`) held `before`.
inline Suspect overwritten(const Matrix& before, const std::string& held = "it") {
  return Suspect::extra("what " + held + " held before", before,
                        "gradients accumulate, but this one was overwritten",
                        [](double c) { return std::abs(c + 1) < 0.01; });
}

/// A gradient, the same on every rank, that was summed over the ranks with what it held `before`.
inline Suspect summed_with_before(const Matrix& before, int ranks, const std::string& held = "it") {
  return multiple(
      "what " + held + " held before", before, ranks,
      "was complete on every rank, and was summed over the ranks with the terms of this "
      "pass");
}

struct WrongCount {
  double times;
  std::string why;
};
/// The ways in which any sum may count wrongly.
inline std::vector<WrongCount> wrong_counts(int ranks) {
  return {{0, "was never added, or times 0: 1 / n is 0 in whole numbers"},
          {-1, "was subtracted"},
          {1.0 / ranks, "was divided by the number of ranks; a sum is asked for"},
          {static_cast<double>(ranks), t_times}};
}

/// A result in which `term` does not count exactly once.
inline std::vector<Suspect> wrongly_counted(const std::string& what, const Matrix& term,
                                            int ranks) {
  std::vector<Suspect> suspects;
  for (const WrongCount& count : wrong_counts(ranks))
    suspects.push_back(multiple(what, term, count.times, count.why));
  suspects.push_back(Suspect::extra(what, term, "it was added more than once", [](double c) {
    return c > 0.5 && std::abs(c - std::round(c)) < 0.01;
  }));
  return suspects;
}

/// What one call should add to a gradient: a sum over so many tokens.
struct Term {
  Matrix sum;
  int64_t tokens;
};

/// What a gradient that held `before` becomes where the terms of the calls, in their order, are not
/// added to it exactly once: for the end of a list, after more special suspects. `what` names their
/// sum.
inline std::vector<Suspect> wrongly_added(const Matrix& before, const std::string& what,
                                          const std::vector<Term>& terms, int ranks) {
  const Matrix zero = scaled(before, 0), last = terms.back().sum;
  Matrix earlier = before, sum = zero, mean = zero;
  for (const Term& term : terms) {
    earlier = add(before, sum);
    sum = add(sum, term.sum);
    mean = add(mean, scaled(term.sum, 1.0 / static_cast<double>(term.tokens)));
  }
  const std::string divided = "was divided by the number of tokens; a sum is asked for";
  std::vector<Suspect> suspects{
      overwritten(earlier), overwritten(before),
      multiple("what it held before", before, 2, "was added to the gradient again"),
      Suspect::result(text("what it held before plus a mean: ", what, " ", divided),
                      add(before, mean))};
  const auto gone_and = [&](const std::string& why, double times) {
    suspects.push_back(Suspect::result(text("wrong in two ways: what it held before is gone, and ",
                                            what, " ", why),
                                       scaled(last, times)));
  };
  gone_and(divided, 1.0 / static_cast<double>(terms.back().tokens));
  for (const WrongCount& count : wrong_counts(ranks)) {
    if (count.times != 0 && count.times != 1) gone_and(count.why, count.times);
  }
  return suspects + wrongly_counted(what, sum, ranks);
}

/// What the `sum` over the ranks becomes where it is not taken exactly once; `own` is this rank's
/// term. Likewise for the end of a list.
inline std::vector<Suspect> wrongly_summed(const std::string& name, const Matrix& sum,
                                           const Matrix& own, int ranks) {
  return {Suspect::result("this rank's own term: the terms of the other ranks were never added",
                          own),
          multiple(name, sum, 1.0 / ranks, "is the mean over the ranks instead of the sum"),
          multiple(name, sum, ranks, t_times)};
}

/// What gelu_backward(dy, x) returns, in the place of gelu_backward(x, dy).
inline Matrix exchanged_gelu_backward(const Matrix& x, const Matrix& dy) {
  return product_of_elements(x, gelu_derivative(dy));
}
inline const std::string derivative_at_output =
    "computed with GeLU's derivative at GeLU's output, not at its input";
inline const std::string gelu_backward_exchanged =
    "computed with the arguments of gelu_backward exchanged: GeLU's input comes first, then the "
    "gradient of its output";

}  // namespace shard
