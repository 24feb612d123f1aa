#pragma once
#include <deque>

#include "common/tensor/ops.h"

namespace shard {

/// A layer Y = X·W on stage j of p, whose backward pass has two parts.
struct LaterWeight {
  int stage, stages;  // j, p
  Tensor w, dw;       // [in × out]; dw is added to

  struct Product {
    Tensor x, dy;  // [tokens × in], [tokens × out]
  };
  std::deque<Product> queue = {};  // Xᵀ·dY that are not in dw yet
};

/// The backward pass of the next micro-batch, as far as the stage before waits for it: returns dX
/// [tokens × in].
Tensor input_gradient(LaterWeight& layer, const Tensor& x, const Tensor& dy);

/// Called each time when dX has been sent: adds to dw what ZB-H1 adds now.
void after_sending(LaterWeight& layer);

/// Called once, after the last micro-batch: adds to dw what is left.
void finish(LaterWeight& layer);

}  // namespace shard
