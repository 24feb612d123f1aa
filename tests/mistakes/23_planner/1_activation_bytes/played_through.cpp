// right: it plays the first stage's passes through, and counts those in flight
#include <algorithm>

#include "exercises/23_planner/1_activation_bytes.h"

namespace shard {

/// Of one layer and one micro-batch.
static double bytes_of_layer(const ActivationSizes& z) {
  const double tp = z.tp, tokens = z.micro_batch * z.context;
  const double rows = z.sequence_parallel ? tokens / tp : tokens;  // between the sums
  if (z.recomputed == Recomputed::full) return 2 * rows * z.width;
  const double scores = 5 * tokens * z.context * z.heads / tp;
  return 10 * rows * z.width + 24 * tokens * z.width / tp +
         (z.recomputed == Recomputed::none ? scores : 0);
}

double activation_bytes(const ActivationSizes& sizes) {
  const int64_t p = sizes.pp, v = sizes.chunks, passes = sizes.micro_batches * v;
  int64_t warm_up = v > 1 ? 2 * (p - 1) + (v - 1) * p : p - 1;
  int64_t kept = 0, most = 0;
  for (int64_t forward = 0; forward < passes; ++forward) {
    most = std::max(most, ++kept);
    if (warm_up-- <= 0) --kept;
  }
  return most * bytes_of_layer(sizes) * (sizes.layers / p / v);
}

}  // namespace shard
