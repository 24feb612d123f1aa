// right: the order is looked up in a loop
#include <algorithm>

#include "exercises/19_interleaved_pipeline/1_interleaved_table.h"

namespace shard {

StageTurn forward_turn(int64_t k, int stages, int chunks) {
  for (int64_t group = 0;; group += stages)
    for (int chunk = 0; chunk < chunks; ++chunk)
      for (int64_t i = group; i < group + stages; ++i)
        if (k-- == 0) return {i, chunk};
}

StageTurn backward_turn(int64_t k, int stages, int chunks) {
  const auto [micro_batch, chunk] = forward_turn(k, stages, chunks);
  return {micro_batch, chunks - 1 - chunk};
}

int64_t warm_up(int stage, int stages, int64_t micro_batches, int chunks) {
  const int64_t ahead = 2 * (stages - 1 - stage) + (chunks - 1) * stages;
  return std::min(ahead, micro_batches * chunks);
}

}  // namespace shard
