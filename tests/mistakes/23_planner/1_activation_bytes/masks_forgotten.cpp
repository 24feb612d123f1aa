// expect: without dropout's masks
#include <algorithm>

#include "exercises/23_planner/1_activation_bytes.h"

namespace shard {

/// Of one layer and one micro-batch.
static double bytes_of_layer(const ActivationSizes& z) {
  const double tp = z.tp, tokens = z.micro_batch * z.context;
  const double rows = z.sequence_parallel ? tokens / tp : tokens;  // between the sums
  if (z.recomputed == Recomputed::full) return 2 * rows * z.width;
  const double scores = 4 * tokens * z.context * z.heads / tp;
  return 8 * rows * z.width + 24 * tokens * z.width / tp +
         (z.recomputed == Recomputed::none ? scores : 0);
}

/// Passes of a micro-batch through a chunk that the first stage has done forward, not backward.
static int64_t passes_in_flight(const ActivationSizes& z) {
  const int64_t warm_up = z.chunks == 1 ? z.pp - 1 : 2 * (z.pp - 1) + (z.chunks - 1) * z.pp;
  return std::min(warm_up + 1, z.micro_batches * z.chunks);
}

double activation_bytes(const ActivationSizes& sizes) {
  const int64_t layers = sizes.layers / (sizes.pp * sizes.chunks);  // of a chunk
  return passes_in_flight(sizes) * layers * bytes_of_layer(sizes);
}

}  // namespace shard
