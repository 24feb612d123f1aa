#include "chapters/14_recompute/memory_plan.h"

#include <algorithm>

#include "common/base/counted.h"
#include "common/base/error.h"

namespace shard {

//! [14-plan]
int64_t most_kept(const ModelBytes& bytes, int64_t recomputed) {
  // between the forward and the backward pass
  const int64_t between = bytes.begin + recomputed * bytes.input +
                          (bytes.layers - recomputed) * bytes.block + bytes.end;
  // while the last of them is computed again: it has its input already
  const int64_t during = bytes.begin + (recomputed - 1) * bytes.input + bytes.block + bytes.again;
  return recomputed == 0 ? between : std::max(between, during);
}

int64_t fewest_recomputed(const ModelBytes& bytes, int64_t limit) {
  for (int64_t recomputed = 0; recomputed <= bytes.layers; ++recomputed) {
    if (most_kept(bytes, recomputed) <= limit) return recomputed;
  }
  throw UsageError(text("--memory allows ", limit, " bytes, but with all ",
                        counted(bytes.layers, "block"), " recomputed a step still keeps ",
                        most_kept(bytes, bytes.layers), " at one moment"));
}
//! [14-plan]

}  // namespace shard
