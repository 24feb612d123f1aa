// Linear layers in one operation: a product together with what is done to each element before or
// after it. On the CPU rows go through in blocks, and the second part finds its block in the cache
// of the core that has computed it: a pass over memory less. On a GPU the product adds the bias of
// linear; the others are the separate operations of ops.h, one after the other.
#pragma once
#include "common/tensor/tensor.h"

namespace shard {

/// X·W + b. x [m × k], weight [k × n], bias [n] → [m × n].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
/// From dY to dX = dY·Wᵀ, and dbias ← dbias + Σ over rows of dY. dy [m × n], weight [k × n], dbias
/// [n] → [m × k]. The third gradient is add_matmul(dW, transposed(x), dy).
Tensor linear_backward(const Tensor& dy, const Tensor& weight, Tensor& dbias);

/// gelu(U)·W: nothing of gelu(U) is kept. u [m × k], weight [k × n] → [m × n].
Tensor gelu_matmul(const Tensor& u, const Tensor& weight);

/// What gelu_matmul_backward returns.
struct GeluBackward {
  Tensor activated;  // gelu(U), computed again: add_matmul(dW, transposed(activated), dy)
  Tensor du;         // (dY·Wᵀ) ∘ gelu'(U)
};
/// dy [m × n], weight [k × n], u [m × k] → [m × k] twice.
GeluBackward gelu_matmul_backward(const Tensor& dy, const Tensor& weight, const Tensor& u);

}  // namespace shard
