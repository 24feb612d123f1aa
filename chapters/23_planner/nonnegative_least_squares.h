// Least squares whose coefficients cannot be negative, as times and costs cannot be.
#pragma once
#include <vector>

namespace shard::chapter_23 {

/// Coefficients x ≥ 0 with a small Σ_i (Σ_j rows[i][j]·x_j - values[i])²: the least one, from which
/// the most negative coefficient is left out (made 0) until none is negative. Columns that are
/// sums of others get 0. Throws Error for rows of different lengths, or none.
std::vector<double> nonnegative_least_squares(const std::vector<std::vector<double>>& rows,
                                              const std::vector<double>& values);

}  // namespace shard::chapter_23
