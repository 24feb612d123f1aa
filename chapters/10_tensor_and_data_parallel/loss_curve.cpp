#include "chapters/10_tensor_and_data_parallel/loss_curve.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "common/error.h"
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
  constexpr double width = 720, height = 360, left = 60, bottom = 40, top = 40, right = 20;
  const Axis axis = axis_of(*this);
  const auto steps = static_cast<double>(std::max<int64_t>(2, std::ssize(training)) - 1);
  const auto x = [&](double step) { return fixed(left + step / steps * (width - left - right), 1); };
  const auto y = [&](double loss) { return fixed(height - bottom - axis.place(loss, height - bottom - top), 1); };
  std::string points, dots, grid;
  for (size_t i = 0; i < training.size(); ++i) points += x(static_cast<double>(i)) + "," + y(training[i]) + " ";
  for (const auto& [step, loss] : validation) {
    dots += "  <circle cx=\"" + x(static_cast<double>(step)) + "\" cy=\"" + y(loss) + "\" r=\"4\" fill=\"#D55E00\"/>\n";
  }
  for (int line = 0; line <= 4; ++line) {
    const double loss = axis.low + (axis.high - axis.low) * line / 4;
    grid += "  <line x1=\"" + fixed(left, 0) + "\" x2=\"" + fixed(width - right, 0) + "\" y1=\"" + y(loss) +
            "\" y2=\"" + y(loss) + "\" stroke=\"#8884\"/>\n  <text x=\"" + fixed(left - 8, 0) + "\" y=\"" + y(loss) +
            "\" text-anchor=\"end\">" + fixed(loss) + "</text>\n";
  }
  std::ofstream out(file);
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 360\" role=\"img\" font-family=\"sans-serif\" "
         "font-size=\"12\" fill=\"#777\">\n  <title>"
      << title << "</title>\n  <text x=\"60\" y=\"20\" font-size=\"14\">" << title << "</text>\n"
      << grid << "  <polyline fill=\"none\" stroke=\"#0072B2\" stroke-width=\"1.5\" points=\"" << points << "\"/>\n"
      << dots << "  <text x=\"60\" y=\"350\">1</text><text x=\"700\" y=\"350\" text-anchor=\"end\">step "
      << training.size() << "</text>\n</svg>\n";
  require_usage(out.good(), "the loss curve cannot be written to ", file);
}

}  // namespace shard
