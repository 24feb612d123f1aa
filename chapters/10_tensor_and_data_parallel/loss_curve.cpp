#include "chapters/10_tensor_and_data_parallel/loss_curve.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/draw/plot.h"
#include "common/program/report.h"

namespace shard::chapter_10 {
namespace {

/// The mean of the steps that fall into column `column` of `columns`, for a curve with more steps
/// than columns.
double mean_in_column(const std::vector<double>& values, int column, int columns) {
  const auto count = std::ssize(values);
  const int64_t begin = column * count / columns,
                end = std::max(begin + 1, (column + 1) * count / columns);
  double sum = 0;
  for (int64_t i = begin; i < end; ++i) sum += values[static_cast<size_t>(i)];
  return sum / static_cast<double>(end - begin);
}

struct Axis {
  double low, high;
  double place(double value, double length) const { return (value - low) / (high - low) * length; }
};

Axis axis_of(const std::vector<double>& training,
             const std::vector<std::pair<int64_t, double>>& validation) {
  double low = training.front(), high = low;
  for (double value : training) low = std::min(low, value), high = std::max(high, value);
  for (const auto& [step, value] : validation)
    low = std::min(low, value), high = std::max(high, value);
  return high > low ? Axis{low, high} : Axis{low - 0.5, high + 0.5};
}

/// Characters in rows, under an axis whose ends are labelled.
struct Canvas {
  Axis axis;
  std::vector<std::string> rows;
  int columns() const { return static_cast<int>(rows.front().size()); }

  void put(int column, double value, char mark) {
    const auto last = static_cast<int>(rows.size()) - 1;
    const int row =
        std::clamp(last - static_cast<int>(std::lround(axis.place(value, last))), 0, last);
    rows[static_cast<size_t>(row)][static_cast<size_t>(std::clamp(column, 0, columns() - 1))] =
        mark;
  }
  void put(const std::vector<double>& values, char mark) {
    for (int column = 0; column < columns(); ++column)
      put(column, mean_in_column(values, column, columns()), mark);
  }
  std::string text(const std::string& first, const std::string& last) const {
    std::string out;
    for (size_t row = 0; row < rows.size(); ++row) {
      const bool labelled = row == 0 || row + 1 == rows.size();
      const std::string label = labelled ? fixed(row == 0 ? axis.high : axis.low) : "";
      out +=
          "  " + std::string(6 - std::min<size_t>(6, label.size()), ' ') + label + " |" + rows[row];
      out.erase(out.find_last_not_of(' ') + 1);
      out += "\n";
    }
    out += "         +" + std::string(static_cast<size_t>(columns()), '-') + "\n          " + first;
    const size_t between = first.size() + last.size() + 1;
    return out +
           std::string(std::max<size_t>(between, static_cast<size_t>(columns())) - between + 1,
                       ' ') +
           last;
  }
};

}  // namespace

std::vector<double> smoothed(const std::vector<double>& values, int64_t width) {
  std::vector<double> sums{0}, means;  // of all values before each
  for (double value : values) sums.push_back(sums.back() + value);
  for (int64_t i = 0; i < std::ssize(values); ++i) {
    const int64_t begin = std::max<int64_t>(0, i - width / 2),
                  end = std::min(std::ssize(values), i + width / 2 + 1);
    means.push_back((sums[static_cast<size_t>(end)] - sums[static_cast<size_t>(begin)]) /
                    static_cast<double>(end - begin));
  }
  return means;
}

LossCurve::LossCurve(const Metrics& metrics) {
  if (!metrics.empty()) first_step_ = metrics.front().step;
  for (const StepMetrics& row : metrics) {
    training_.push_back(row.loss);
    if (!std::isnan(row.validation_loss)) validation_.emplace_back(row.step, row.validation_loss);
  }
}

int64_t LossCurve::smoothing() const {
  constexpr int64_t parts = 20;
  return std::ssize(training_) / parts / 2 * 2 + 1;  // odd: as many steps before as after
}

std::string LossCurve::drawn(int columns, int rows) const {
  if (training_.empty()) return "";
  Canvas canvas{axis_of(training_, validation_),
                std::vector(static_cast<size_t>(rows),
                            std::string(static_cast<size_t>(columns), ' '))};
  const auto steps = std::ssize(training_);
  canvas.put(training_, '.');
  if (smoothing() >= 3) canvas.put(smoothed(training_, smoothing()), '*');
  for (const auto& [step, value] : validation_) {
    canvas.put(static_cast<int>((step - first_step_) * columns / steps), value, 'o');
  }
  return canvas.text(std::to_string(first_step_), std::to_string(first_step_ + steps - 1)) +
         "\n  . training loss" +
         (smoothing() >= 3 ? text("   * its mean over ", smoothing(), " steps") : "") +
         (validation_.empty() ? "" : "   o validation loss") + ", over the steps";
}

void LossCurve::write_svg(const std::string& file, const std::string& title) const {
  constexpr int64_t most_points = 450;  // one a pixel
  const auto steps = std::ssize(training_);
  const int points = static_cast<int>(std::min(steps, most_points));
  Plot plot{"step", "loss", {}};
  const auto add = [&](const std::string& name, const std::vector<double>& values, bool faint) {
    Curve& curve = plot.curves.emplace_back(Curve{.name = name, .points = {}, .faint = faint});
    for (int i = 0; i < points; ++i) {
      const auto last_of_them = static_cast<double>(first_step_ - 1 + (i + 1) * steps / points);
      curve.points.push_back({last_of_them, mean_in_column(values, i, points)});
    }
  };
  const bool smooth = smoothing() >= 3;
  add("training", training_, smooth);
  if (smooth)
    add(text("mean over ", smoothing(), " steps"), smoothed(training_, smoothing()), false);
  Curve& dots = plot.curves.emplace_back(Curve{.name = "validation", .points = {}, .dots = true});
  for (const auto& [step, loss] : validation_)
    dots.points.push_back({static_cast<double>(step), loss});
  PicturePage page(title, text("The training loss over ", steps, " steps, from ",
                               fixed(training_.front(), 4), " to ", fixed(training_.back(), 4),
                               ", with dots for the validation loss."));
  plot.add_to(page);
  page.drawn().write("--curve", file);
}

}  // namespace shard::chapter_10
