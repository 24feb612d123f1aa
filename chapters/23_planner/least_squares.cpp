#include "chapters/23_planner/least_squares.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace shard::chapter_23 {

namespace {

using Vector = std::vector<double>;

/// The simplex of Nelder and Mead, "A simplex method for function minimization", 1965: n + 1
/// points, of which the worst is mirrored at the others' middle, further if that is good, nearer if
/// it is bad. It needs no derivatives: a sum of maxima, such as rooflines', has kinks.
class Simplex {
 public:
  Simplex(std::function<double(const Vector&)> value, const Vector& start, double size)
      : value_(std::move(value)) {
    add(start);
    for (size_t k = 0; k < start.size(); ++k) {
      Vector corner = start;
      corner[k] += size;
      add(corner);
    }
  }

  Vector smallest() {
    constexpr int most_steps = 20'000;
    constexpr double same = 1e-10;
    sort();
    for (int step = 0; step < most_steps && extent() > same; ++step) {
      move();
      sort();
    }
    return corners_.front().at;
  }

 private:
  struct Corner {
    Vector at;
    double value;
  };

  void add(const Vector& at) { corners_.push_back({at, value_(at)}); }
  void sort() { std::ranges::stable_sort(corners_, {}, &Corner::value); }

  double extent() const {
    double most = 0;
    for (const Corner& corner : corners_) {
      for (size_t k = 0; k < corner.at.size(); ++k)
        most = std::max(most, std::abs(corner.at[k] - corners_.front().at[k]));
    }
    return most;
  }

  /// From the middle of all but the worst, `times` the way to the worst.
  Corner along(double times) const {
    const size_t n = corners_.size() - 1;
    Vector at(n, 0);
    for (size_t k = 0; k < n; ++k) {
      double middle = 0;
      for (size_t i = 0; i < n; ++i) middle += corners_[i].at[k] / static_cast<double>(n);
      at[k] = middle + times * (corners_.back().at[k] - middle);
    }
    return {at, value_(at)};
  }

  void move() {
    Corner& worst = corners_.back();
    const Corner mirrored = along(-1);
    if (mirrored.value < corners_.front().value) {
      const Corner further = along(-2);
      worst = further.value < mirrored.value ? further : mirrored;
    } else if (mirrored.value < corners_[corners_.size() - 2].value) {
      worst = mirrored;
    } else {
      const Corner nearer = along(mirrored.value < worst.value ? -0.5 : 0.5);
      nearer.value < std::min(worst.value, mirrored.value) ? void(worst = nearer) : shrink();
    }
  }

  void shrink() {
    const Vector& best = corners_.front().at;
    for (size_t i = 1; i < corners_.size(); ++i) {
      Vector& at = corners_[i].at;
      for (size_t k = 0; k < at.size(); ++k) at[k] = (at[k] + best[k]) / 2;
      corners_[i].value = value_(at);
    }
  }

  std::function<double(const Vector&)> value_;
  std::vector<Corner> corners_;
};

}  // namespace

std::vector<double> least_squares(
    const std::vector<Unknown>& unknowns,
    const std::function<std::vector<double>(const std::vector<double>&)>& residuals) {
  const auto numbers = [&](const Vector& logarithms) {
    Vector all;
    for (size_t k = 0; k < unknowns.size(); ++k) {
      const double number = std::exp(logarithms[k]), most = unknowns[k].most;
      all.push_back(most > 0 ? std::min(number, most) : number);
    }
    return all;
  };
  const auto sum_of_squares = [&](const Vector& logarithms) {
    double sum = 0;
    for (const double residual : residuals(numbers(logarithms))) sum += residual * residual;
    return sum;
  };
  Vector at;
  for (const Unknown& unknown : unknowns) at.push_back(std::log(unknown.start));
  // A simplex can become flat before it is small: it is built anew where it ended.
  constexpr int most_restarts = 30;
  constexpr double size = 0.1, gain = 1e-14;
  for (int restart = 0; restart < most_restarts; ++restart) {
    const double before = sum_of_squares(at);
    at = Simplex(sum_of_squares, at, restart % 2 == 0 ? size : -size).smallest();
    if (restart > 2 && before - sum_of_squares(at) < gain) break;
  }
  return numbers(at);
}

}  // namespace shard::chapter_23
