#pragma once
#include <vector>

#include "common/comm/grid.h"
#include "common/tensor/tensor.h"

namespace shard {

/// A piece of a parameter in this rank's range: of its summed gradient, a view of the rank's flat
/// shard.
struct GradientPiece {
  Tensor gradient;  // [elements]
  bool replicated =
      false;  // all tp ranks hold the parameter; otherwise each has its own part of it
};

/// Multiplies the gradients of the whole model by min(1, limit / norm), limit > 0, in place, those
/// that this rank does not count included, and returns the norm ‖g‖ = √Σ g² before that, the same
/// on every rank.
double clip_shards(Grid& grid, const std::vector<GradientPiece>& pieces, double limit);

}  // namespace shard
