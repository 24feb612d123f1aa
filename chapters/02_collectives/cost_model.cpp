#include "chapters/02_collectives/cost_model.h"

#include <cmath>

#include "common/error.h"

namespace shard {

/// Minimises Σ (latency·u + slope·v - 1)² with u = 1/seconds, v = bytes/seconds: two linear equations.
CostModel fit_cost_model(std::span<const double> bytes, std::span<const double> seconds) {
  require(bytes.size() == seconds.size() && bytes.size() >= 2, "fit_cost_model: ", bytes.size(), " sizes and ",
          seconds.size(), " times; two of each are the least");
  double uu = 0, uv = 0, vv = 0, u1 = 0, v1 = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const double u = 1 / seconds[i], v = bytes[i] / seconds[i];
    uu += u * u, uv += u * v, vv += v * v, u1 += u, v1 += v;
  }
  const double determinant = uu * vv - uv * uv;
  CostModel model{(u1 * vv - v1 * uv) / determinant, (v1 * uu - u1 * uv) / determinant};
  if (model.latency < 0) model = {0, v1 / vv};           // the best line through the origin
  if (model.seconds_per_byte < 0) model = {u1 / uu, 0};  // the best constant
  double squares = 0;
  for (size_t i = 0; i < bytes.size(); ++i) squares += std::pow(model.seconds(bytes[i]) / seconds[i] - 1, 2);
  model.error = std::sqrt(squares / static_cast<double>(bytes.size()));
  return model;
}

double all_reduce_bus_bandwidth(double bytes, double seconds, int ranks) {
  return bytes / seconds * 2 * (ranks - 1) / ranks;
}

}  // namespace shard
