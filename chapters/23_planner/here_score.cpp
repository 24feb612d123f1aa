#include "chapters/23_planner/here_score.h"

#include <algorithm>
#include <cmath>

namespace shard::chapter_23 {

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

double HereScore::share_in_order() const {
  return pairs == 0 ? 1 : static_cast<double>(in_order) / static_cast<double>(pairs);
}

HereScore score_of(const std::vector<Outcome>& outcomes) {
  constexpr double apart = 1.15;
  HereScore score;
  std::vector<double> errors;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const Outcome& a = outcomes[i];
    errors.push_back(std::abs(a.error()));
    for (size_t j = 0; j < i; ++j) {
      const Outcome& b = outcomes[j];
      if (a.model != b.model) continue;
      const auto [shorter, longer] = std::minmax(a.measured, b.measured);
      if (longer <= apart * shorter) continue;
      ++score.pairs;
      const bool a_is_predicted_longer = a.predicted > b.predicted;
      if (a.predicted != b.predicted && a_is_predicted_longer == (a.measured > b.measured))
        ++score.in_order;
    }
  }
  if (errors.empty()) return score;
  score.median_error = quantile(errors, 0.5);
  score.worst_error = *std::ranges::max_element(errors);
  return score;
}

}  // namespace shard::chapter_23
