// expect: your warm_up is that of 1F1B
#include <algorithm>

#include "exercises/19_interleaved_pipeline/1_interleaved_table.h"

namespace shard {

StageTurn forward_turn(int64_t k, int stages, int chunks) {
  const int64_t group = k / (stages * chunks), place = k % (stages * chunks);
  return {group * stages + place % stages, static_cast<int>(place / stages)};
}

StageTurn backward_turn(int64_t k, int stages, int chunks) {
  const auto [micro_batch, chunk] = forward_turn(k, stages, chunks);
  return {micro_batch, chunks - 1 - chunk};
}

int64_t warm_up(int stage, int stages, int64_t micro_batches, int chunks) {
  const int64_t ahead = stages - 1 - stage;
  return std::clamp<int64_t>(ahead, 0, micro_batches * chunks);
}

}  // namespace shard
