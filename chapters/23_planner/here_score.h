// How predicted and measured steps compare: errors, and whether layouts are put in the right order.
#pragma once
#include <string>
#include <vector>

#include "chapters/23_planner/layout.h"

namespace shard::chapter_23 {

/// Of values in any order, at least one, between which a line leads: 0.5 is the median.
double quantile(std::vector<double> values, double share);

/// One layout of one model.
struct Outcome {
  std::string model;
  Layout layout;
  double predicted = 0, measured = 0;  // seconds of a step; measured: the median
  double spread = 0;                   // between the measurements' quartiles, of the median

  double error() const { return predicted / measured - 1; }
};

/// How the predictions did.
struct HereScore {
  double median_error = 0, worst_error = 0;  // without signs
  /// Pairs of layouts of one model whose measured times differ by more than 15 % of the shorter
  /// one, and those of them that are predicted in the same order.
  int64_t pairs = 0, in_order = 0;
  double share_in_order() const;  // 1 where there is no pair
};
HereScore score_of(const std::vector<Outcome>& outcomes);

}  // namespace shard::chapter_23
