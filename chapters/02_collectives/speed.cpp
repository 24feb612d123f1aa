#include "chapters/02_collectives/speed.h"

#include <algorithm>
#include <cmath>

#include "common/base/clock.h"
#include "common/tensor/backend.h"

namespace shard::chapter_02 {

double median_seconds(Communicator& group, const AllReduce& sum_up, const Tensor& term,
                      Tensor& sum) {
  const int64_t runs = std::clamp<int64_t>((int64_t{1} << 25) / term.bytes(), 5, 50);
  std::vector<double> times;
  for (int64_t run = -1; run < runs; ++run) {  // run -1 warms up
    sum = term.clone();
    group.barrier();
    const double start = now();
    sum = sum_up(PartialSum(sum));
    group.backend().synchronize();
    if (run >= 0) times.push_back(now() - start);
  }
  std::ranges::sort(times);
  return group.max_of(times[times.size() / 2]);
}

double bus_bandwidth(double bytes, double seconds, int ranks) {
  return bytes / seconds * 2 * (ranks - 1) / ranks;
}

/// Minimises Σ (latency·u + slope·v - 1)², where u = 1/seconds and v = bytes/seconds: two linear
/// equations.
Line fit_line(std::span<const double> bytes, std::span<const double> seconds) {
  require(bytes.size() == seconds.size() && bytes.size() >= 2, "fit_line: ", bytes.size(),
          " sizes and ", seconds.size(), " times, at least two of each are needed");
  double uu = 0, uv = 0, vv = 0, u1 = 0, v1 = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const double u = 1 / seconds[i], v = bytes[i] / seconds[i];
    uu += u * u, uv += u * v, vv += v * v, u1 += u, v1 += v;
  }
  const double determinant = uu * vv - uv * uv;
  Line line{(u1 * vv - v1 * uv) / determinant, (v1 * uu - u1 * uv) / determinant};
  if (line.latency < 0) line = {0, v1 / vv};           // the best line through the origin
  if (line.seconds_per_byte < 0) line = {u1 / uu, 0};  // the best constant
  double squares = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    squares += std::pow(line.seconds(bytes[i]) / seconds[i] - 1, 2);
  line.error = std::sqrt(squares / static_cast<double>(bytes.size()));
  return line;
}

}  // namespace shard::chapter_02
