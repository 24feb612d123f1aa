#pragma once
#include <cstdint>

namespace shard {

/// One pass of a stage: a micro-batch through one of its chunks.
struct StageTurn {
  int64_t micro_batch;
  int chunk;
  bool operator==(const StageTurn&) const = default;
};

/// Forward pass number k (0, 1, …, m·v-1) of any stage, of p `stages` with v `chunks` each.
StageTurn forward_turn(int64_t k, int stages, int chunks);

/// Backward pass number k.
StageTurn backward_turn(int64_t k, int stages, int chunks);

/// The number of forward passes of stage j before the first of its pairs of a forward and a
/// backward pass. m `micro_batches` are a multiple of p.
int64_t warm_up(int stage, int stages, int64_t micro_batches, int chunks);

}  // namespace shard
