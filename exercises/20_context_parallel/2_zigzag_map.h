#pragma once
#include <vector>

#include "common/base/partition.h"

namespace shard {

/// The positions of the tokens that rank `rank` of `ranks` has of a sequence, in ascending order.
/// `context` is at least 2·ranks.
std::vector<int64_t> zigzag_positions(int64_t context, int ranks, int rank);

/// A rectangle of scores: queries and keys are ranges of positions.
struct Rectangle {
  Range queries, keys;
};
/// What rank `rank` computes in step `step` of the ring, 0 … ranks-1: rectangles of its own queries
/// and of keys that are here in that step. Together they contain each score once that the causal
/// mask leaves; none of them contains only scores that it hides.
std::vector<Rectangle> zigzag_step(int64_t context, int ranks, int rank, int step);

}  // namespace shard
