// expect: the chunk, which goes on counting in the second group
#include <algorithm>

#include "exercises/19_interleaved_pipeline/1_interleaved_table.h"

namespace shard {

StageTurn forward_turn(int64_t k, int stages, int chunks) {
  const int64_t group = k / (stages * chunks);
  return {group * stages + k % stages, static_cast<int>(k / stages)};
}

StageTurn backward_turn(int64_t k, int stages, int chunks) {
  const int64_t place = k % (stages * chunks);
  return {k / (stages * chunks) * stages + place % stages,
          chunks - 1 - static_cast<int>(place / stages)};
}

int64_t warm_up(int stage, int stages, int64_t micro_batches, int chunks) {
  const int64_t ahead = 2 * (stages - 1 - stage) + (chunks - 1) * stages;
  return std::min(ahead, micro_batches * chunks);
}

}  // namespace shard
