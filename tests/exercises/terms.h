// How often a term counts in a result: suspects for one that does not count exactly once.
#pragma once
#include <cmath>

#include "tests/exercises/support.h"

namespace shard {

/// For Suspect::extra: the term's factor is `wanted`, to rounding.
inline std::function<bool(double)> times(double wanted) {
  return [=](double c) { return wanted != 0 && std::abs(c - wanted) < 0.01; };
}

/// The right result, except that `term`, named as in "Xᵀ·dY", counts so many times in it where it
/// should count once. `why` is said of the term: "was subtracted".
inline Suspect multiple(const std::string& what, const Matrix& term, double count,
                        const std::string& why, const std::string& it = "it") {
  return Suspect::extra(what, term, it + " " + why, times(count - 1));
}

inline const std::string t_times =
    "counts t times: it was added so often, or something was summed over the ranks that is the "
    "same on each of them";

struct WrongCount {
  double times;
  std::string why;
};
/// How any term may count wrongly. `for_each_rank` is said of one that counts t times.
inline std::vector<WrongCount> wrong_counts(int ranks, const std::string& for_each_rank = t_times) {
  const bool may_be_twice = ranks == 2 && for_each_rank != t_times;
  return {{0, "is missing: it was never added, or times 0: 1 / n is 0 in whole numbers"},
          {-1, "was subtracted"},
          {1.0 / ranks, "was divided by the number of ranks"},
          {static_cast<double>(ranks),
           for_each_rank + (may_be_twice ? ", or it was added twice" : "")}};
}

/// A result in which `term` does not count exactly once: for the end of a list, after more special
/// suspects. `it` begins the sentences about it.
inline std::vector<Suspect> not_once(const std::string& what, const Matrix& term, int ranks,
                                     const std::string& it = "it",
                                     const std::string& for_each_rank = t_times) {
  std::vector<Suspect> suspects;
  for (const WrongCount& count : wrong_counts(ranks, for_each_rank))
    suspects.push_back(multiple(what, term, count.times, count.why, it));
  suspects.push_back(Suspect::extra(what, term, it + " is in it more than once", [](double c) {
    return c > 0.5 && std::abs(c - std::round(c)) < 0.01;
  }));
  suspects.push_back(Suspect::extra(what, term, it + " belongs in it once, with a factor of 1"));
  return suspects;
}

/// The same of a bias [1 × columns] that is added to each of `rows` rows.
inline std::vector<Suspect> bias_not_once(const std::string& what, const Matrix& bias, int64_t rows,
                                          int ranks, const std::string& it = "it",
                                          const std::string& for_each_rank = t_times) {
  return not_once(what, add_bias(Matrix(rows, bias.columns), bias), ranks, it, for_each_rank);
}

}  // namespace shard
