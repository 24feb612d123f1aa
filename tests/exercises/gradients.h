// What may be wrong with a gradient, in whatever layer: how often a term counts in it, what becomes
// of what it held before, which ranks' terms are in it, and whose arguments were exchanged.
#pragma once
#include "tests/exercises/terms.h"

namespace shard {

/// A gradient that overwrote what it (or its part, `held`) held `before`.
inline Suspect overwritten(const Matrix& before, const std::string& held = "it") {
  return Suspect::extra("what " + held + " held before", before,
                        "gradients accumulate, but this one was overwritten", times(-1));
}

/// A gradient that does not hold what it held `before` as it was.
inline std::vector<Suspect> not_kept(const Matrix& before, int ranks) {
  const std::string held = "what it held before";
  return {overwritten(before), multiple(held, before, 2, "was added to the gradient again"),
          multiple(held, before, 1.0 / ranks, "was divided by the number of ranks"),
          Suspect::extra(held, before, "it must stay in it as it was")};
}

/// A gradient, the same on every rank, that was summed over the ranks with what it held `before`.
inline Suspect summed_with_before(const Matrix& before, int ranks, const std::string& held = "it") {
  return multiple(
      "what " + held + " held before", before, ranks,
      "was complete on every rank, and was summed over the ranks with the terms of this "
      "pass");
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
      overwritten(earlier),
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
  return suspects + not_kept(before, ranks) + not_once(what, sum, ranks);
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
