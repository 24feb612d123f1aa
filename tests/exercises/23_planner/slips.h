// Answers that are one number for each of many cases: compared with the right formula, and with
// formulas that contain a known mistake.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "tests/exercises/support.h"

namespace shard {

/// A case with its name. Cases of one step are given together: an answer that is right for all
/// steps before it differs in what this one adds.
template <class Case>
struct NamedCase {
  std::string name;
  Case sizes;
  int step = 0;
};

template <class Case>
using Formula = std::function<double(const Case&)>;

/// A formula with a mistake. Reported as: "your " + name + " is " + diagnosis.
template <class Case>
struct Slip {
  std::string diagnosis;
  Formula<Case> formula;
};

inline bool same_number(double got, double expected) {
  return got == expected || std::abs(got - expected) <= 1e-9 * std::abs(expected);
}

/// What is wrong with `answer`; "" if nothing is. A slip fits if it gives the answer's numbers for
/// all cases, or else for those up to the first step that is wrong.
template <class Case>
std::string diagnose_numbers(const std::string& name, const std::vector<NamedCase<Case>>& cases,
                             const Formula<Case>& answer, const Formula<Case>& right,
                             const std::vector<Slip<Case>>& slips) {
  std::vector<double> got;
  for (const auto& one : cases) got.push_back(answer(one.sizes));
  const auto fits = [&](const Formula<Case>& formula, int last_step) {
    for (size_t i = 0; i < cases.size(); ++i)
      if (cases[i].step <= last_step && !same_number(got[i], formula(cases[i].sizes))) return false;
    return true;
  };
  const int steps = cases.back().step;
  int wrong = 0;
  while (wrong <= steps && fits(right, wrong)) ++wrong;
  if (wrong > steps) return "";
  for (const int last_step : {steps, wrong}) {
    for (const auto& slip : slips)
      if (fits(slip.formula, last_step)) return text("your ", name, " is ", slip.diagnosis);
  }
  for (size_t i = 0;; ++i) {
    const double expected = right(cases[i].sizes);
    if (!same_number(got[i], expected)) {
      std::ostringstream numbers;
      numbers.precision(12);
      numbers << got[i] << ", expected " << expected;
      return text("your ", name, " for ", cases[i].name, " is ", numbers.str());
    }
  }
}

}  // namespace shard
