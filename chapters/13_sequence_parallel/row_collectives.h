// How often tp ranks gather and scatter rows × width with sequence parallelism: a formula.
#pragma once
#include <cstdint>

namespace shard {

/// In both passes of one micro-batch. An all-gather is given own rows, a reduce-scatter all rows.
struct RowCollectives {
  int64_t all_gathers = 0, reduce_scatters = 0;
};

/// With Gathered::again a block has 2 and 2 forward, and 4 and 2 backward. Each end of the model
/// (`ends` of them) has 1 and 1: of the embedding, and before the logits, one is forward and one
/// backward.
inline RowCollectives row_collectives(int64_t layers, int64_t ends = 2) {
  return {6 * layers + ends, 4 * layers + ends};
}

}  // namespace shard
