#pragma once
#include <vector>

#include "common/comm/grid.h"
#include "common/tensor/tensor.h"

namespace shard {

/// This rank's part of the reduced gradient of one parameter.
struct HeldGradient {
  Tensor part;
  bool split_over_tp = false;  // the tp ranks hold different parts; otherwise all hold the same
  bool split_over_dp = false;  // likewise the dp ranks
};

/// ‖g‖ = √Σ g² over the gradients of the whole model, the same on every rank.
double gradient_norm(Grid& grid, const std::vector<HeldGradient>& gradients);

}  // namespace shard
