#include "chapters/10_tensor_and_data_parallel/loss_curve.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/plot.h"
#include "common/report.h"

namespace shard {
namespace {

/// The mean of the steps that fall into column `column` of `columns`, for a curve with more steps than columns.
double mean_in_column(const std::vector<double>& values, int column, int columns) {
  const auto count = std::ssize(values);
  const int64_t begin = column * count / columns, end = std::max(begin + 1, (column + 1) * count / columns);
  double sum = 0;
  for (int64_t i = begin; i < end; ++i) sum += values[static_cast<size_t>(i)];
  return sum / static_cast<double>(end - begin);
}

struct Axis {
  double low, high;
  double place(double value, double length) const { return (value - low) / (high - low) * length; }
};

Axis axis_of(const LossCurve& curve) {
  double low = curve.training.front(), high = low;
  for (double value : curve.training) low = std::min(low, value), high = std::max(high, value);
  for (const auto& [step, value] : curve.validation) low = std::min(low, value), high = std::max(high, value);
  return high > low ? Axis{low, high} : Axis{low - 0.5, high + 0.5};
}

}  // namespace

std::string LossCurve::drawn(int columns, int rows) const {
  if (training.empty()) return "";
  const Axis axis = axis_of(*this);
  std::vector<std::string> canvas(static_cast<size_t>(rows), std::string(static_cast<size_t>(columns), ' '));
  const auto put = [&](int column, double value, char mark) {
    const int row = rows - 1 - static_cast<int>(std::lround(axis.place(value, rows - 1)));
    canvas[static_cast<size_t>(std::clamp(row, 0, rows - 1))][static_cast<size_t>(column)] = mark;
  };
  for (int column = 0; column < columns; ++column) put(column, mean_in_column(training, column, columns), '.');
  const auto last = std::max<int64_t>(1, std::ssize(training));
  for (const auto& [step, value] : validation) {
    put(static_cast<int>(std::min<int64_t>(columns - 1, step * columns / last)), value, 'o');
  }
  std::string out;
  for (int row = 0; row < rows; ++row) {
    const bool labelled = row == 0 || row == rows - 1;
    const std::string label = labelled ? fixed(row == 0 ? axis.high : axis.low) : "";
    out += "  " + std::string(6 - std::min<size_t>(6, label.size()), ' ') + label + " |" +
           canvas[static_cast<size_t>(row)];
    out.erase(out.find_last_not_of(' ') + 1);
    out += "\n";
  }
  out += "         +" + std::string(static_cast<size_t>(columns), '-') + "\n";
  const std::string end = std::to_string(training.size());
  out += "          1" + std::string(static_cast<size_t>(columns) - 1 - end.size(), ' ') + end;
  return out + "\n  . training loss" + (validation.empty() ? "" : "   o validation loss") + ", over the steps";
}

void LossCurve::write_svg(const std::string& file, const std::string& title) const {
  constexpr int64_t most_points = 450;  // one a pixel
  const auto steps = std::ssize(training);
  const int points = static_cast<int>(std::min(steps, most_points));
  Plot plot{"step", "loss", {{"training", {}}, {"validation", {}, true}}};
  for (int i = 0; i < points; ++i) {
    const double last_of_them = static_cast<double>((i + 1) * steps / points);
    plot.curves[0].points.push_back({last_of_them, mean_in_column(training, i, points)});
  }
  for (const auto& [step, loss] : validation) plot.curves[1].points.push_back({static_cast<double>(step + 1), loss});
  PicturePage page(title, text("The training loss over ", steps, " steps, from ", fixed(training.front(), 4), " to ",
                               fixed(training.back(), 4), ", with dots for the validation loss."));
  plot.add_to(page);
  page.drawn().write("--curve", file);
}

}  // namespace shard
