#include "chapters/23_planner/all_reduce_curve.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "chapters/23_planner/least_squares.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/folders.h"

namespace shard::chapter_23 {

double AllReduceCurve::seconds(double bytes, double ranks) const {
  const double traffic = 2 * (ranks - 1) / ranks * bytes;
  return std::max(floor, latency + traffic / bandwidth + pipelining * std::sqrt(bytes));
}

std::vector<MeasuredAllReduce> measured_all_reduces() {
  std::istringstream in(
      read_file(source_folder() + "/chapters/23_planner/all_reduce_8xh200.tsv", 1 << 20));
  std::string line, fitted;
  std::getline(in, line);  // the columns' names
  std::vector<MeasuredAllReduce> measured;
  double bytes = 0, microseconds = 0;
  while (in >> bytes >> microseconds >> fitted)
    measured.push_back({bytes, microseconds * 1e-6, fitted == "yes"});
  require_usage(in.eof() && !measured.empty(),
                "all_reduce_8xh200.tsv: a row is not bytes, microseconds, and yes or no");
  return measured;
}

AllReduceCurve fit(const std::vector<MeasuredAllReduce>& measured, double ranks) {
  const auto curve_of = [](const std::vector<double>& numbers) {
    return AllReduceCurve{numbers[0], numbers[1], numbers[2], numbers[3]};
  };
  const auto [least, most] = std::ranges::minmax(measured, {}, &MeasuredAllReduce::bytes);
  // A floor below the latency would have no influence: the search begins above.
  const std::vector<double> found =
      least_squares({{.start = least.seconds},
                     {.start = least.seconds / 2},
                     {.start = 2 * (ranks - 1) / ranks * most.bytes / most.seconds},
                     {.start = 10e-9}},
                    [&](const std::vector<double>& numbers) {
                      std::vector<double> residuals;
                      for (const MeasuredAllReduce& one : measured) {
                        if (one.fitted) {
                          residuals.push_back(
                              std::log(curve_of(numbers).seconds(one.bytes, ranks) / one.seconds));
                        }
                      }
                      return residuals;
                    });
  return curve_of(found);
}

}  // namespace shard::chapter_23
