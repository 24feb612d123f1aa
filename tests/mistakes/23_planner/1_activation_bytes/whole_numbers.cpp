// right: products before quotients, so that whole numbers stay exact
#include <algorithm>

#include "exercises/23_planner/1_activation_bytes.h"

namespace shard {

double activation_bytes(const ActivationSizes& sizes) {
  const auto& [s, h, a, layers, b, m, t, p, v, sequence_parallel, recomputed] = sizes;
  const int64_t rows = sequence_parallel ? s * b / t : s * b;
  int64_t bytes = 2 * rows * h;
  if (recomputed != Recomputed::full) bytes += 8 * rows * h + 24 * s * b * h / t;
  if (recomputed == Recomputed::none) bytes += 5 * b * s * s * a / t;
  const int64_t most = m * v, passes = v == 1 ? p : p * v + p - 1;
  return static_cast<double>(std::min(passes, most) * (layers / (p * v)) * bytes);
}

}  // namespace shard
