// right: the rows of table 2, in units of a micro-batch's values
#include <algorithm>

#include "exercises/23_planner/1_activation_bytes.h"

namespace shard {

double activation_bytes(const ActivationSizes& sizes) {
  const double s = sizes.context, b = sizes.micro_batch, h = sizes.width, a = sizes.heads;
  const double t = sizes.tp, p = sizes.pp, v = sizes.chunks, m = sizes.micro_batches;
  double per_value = sizes.sequence_parallel ? 34 / t : 10 + 24 / t;
  if (sizes.recomputed == Recomputed::none) per_value += 5 * a * s / (h * t);
  if (sizes.recomputed == Recomputed::full) per_value = sizes.sequence_parallel ? 2 / t : 2;
  double layers = sizes.layers * std::min(1 + (p - 1) / (p * v), m / p);
  if (sizes.chunks == 1) layers = sizes.layers / p * std::min(p, m);
  return s * b * h * per_value * layers;
}

}  // namespace shard
