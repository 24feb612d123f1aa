// right: by the factor 1 + (p-1)/(p·v) of all layers
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
  const double layers = static_cast<double>(sizes.layers), p = static_cast<double>(sizes.pp),
               v = static_cast<double>(sizes.chunks), m = static_cast<double>(sizes.micro_batches);
  const double factor =
      sizes.chunks == 1 ? std::min(p, m) / p : std::min(1 + (p - 1) / (p * v), m / p);
  return layers * factor * bytes_of_layer(sizes);
}

}  // namespace shard
