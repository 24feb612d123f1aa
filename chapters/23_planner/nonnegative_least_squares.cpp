#include "chapters/23_planner/nonnegative_least_squares.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace shard::chapter_23 {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Each used column made orthogonal to those before (modified Gram-Schmidt), then back
/// substitution: without squaring the columns' condition, as normal equations would.
Vector least_squares(const std::vector<Vector>& columns, const std::vector<bool>& used,
                     Vector values) {
  constexpr double independent = 1e-9;  // what is left of a column that is no sum of others
  std::vector<Vector> basis, upper;
  std::vector<size_t> of;
  Vector projected;
  for (size_t j = 0; j < columns.size(); ++j) {
    if (!used[j]) continue;
    Vector left = columns[j], coefficients;
    const double before = std::sqrt(dot(left, left));
    for (const Vector& direction : basis) {
      coefficients.push_back(dot(direction, left));
      for (size_t i = 0; i < left.size(); ++i) left[i] -= coefficients.back() * direction[i];
    }
    const double length = std::sqrt(dot(left, left));
    if (length <= independent * before) continue;
    for (double& each : left) each /= length;
    coefficients.push_back(length);
    projected.push_back(dot(left, values));
    for (size_t i = 0; i < left.size(); ++i) values[i] -= projected.back() * left[i];
    basis.push_back(left);
    upper.push_back(coefficients);
    of.push_back(j);
  }
  Vector solution(columns.size(), 0.0);
  for (size_t j = of.size(); j-- > 0;) {
    double rest = projected[j];
    for (size_t k = j + 1; k < of.size(); ++k) rest -= upper[k][j] * solution[of[k]];
    solution[of[j]] = rest / upper[j][j];
  }
  return solution;
}

}  // namespace

Vector nonnegative_least_squares(const std::vector<Vector>& rows, const Vector& values) {
  require(!rows.empty() && rows.size() == values.size(), "a fit of ", values.size(), " values to ",
          rows.size(), " rows");
  std::vector<Vector> columns(rows.front().size());
  for (const Vector& row : rows) {
    require(row.size() == columns.size(), "a fit with rows of ", columns.size(), " and of ",
            row.size(), " numbers");
    for (size_t j = 0; j < row.size(); ++j) columns[j].push_back(row[j]);
  }
  std::vector<bool> used(columns.size(), true);
  while (true) {
    Vector solution = least_squares(columns, used, values);
    Vector terms;  // how much each adds: coefficients have different units
    for (size_t j = 0; j < columns.size(); ++j)
      terms.push_back(solution[j] * std::sqrt(dot(columns[j], columns[j])));
    const auto least = std::ranges::min_element(terms);
    if (*least >= 0) return solution;
    used[static_cast<size_t>(least - terms.begin())] = false;
  }
}

}  // namespace shard::chapter_23
