// Nonlinear least squares over a few positive numbers.
#pragma once
#include <functional>
#include <vector>

namespace shard::chapter_23 {

/// What is to be found: where the search begins, and its limit.
struct Unknown {
  double start = 1;
  double most = 0;  // 0: none
};

/// The positive numbers that make the sum of the residuals' squares smallest, near the start: a
/// search of their logarithms without derivatives. Deterministic: the same bits for the same
/// residuals.
std::vector<double> least_squares(
    const std::vector<Unknown>& unknowns,
    const std::function<std::vector<double>(const std::vector<double>&)>& residuals);

}  // namespace shard::chapter_23
