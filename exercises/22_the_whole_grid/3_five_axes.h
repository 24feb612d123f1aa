#pragma once
#include <string>
#include <vector>

#include "common/comm/grid.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The gradient of one parameter on one rank, summed over all axes that it had to be summed over.
struct SummedGradient {
  Tensor part;  // any shape, maybe without elements
  /// The axes of the grid along which the ranks hold other elements than this one's, or other
  /// parameters. Along all other axes they hold the same.
  std::vector<std::string> others_along;
  bool is_expert = false;  // its axes are "ep" and "edp" then, in place of "cp" and "dp"
};

/// ‖g‖ = √Σ g² over the gradients of the whole model, the same on every rank. The grid has the axes
/// tp, cp, pp and dp, and, laid over cp and dp, ep and edp.
double gradient_norm(Grid& grid, const std::vector<SummedGradient>& gradients);

}  // namespace shard
