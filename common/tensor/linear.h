// Linear layers in one operation: a product together with what is done to each element before or
// after it. On the CPU rows go through in blocks, and the second part finds its block in the cache
// of the core that has computed it: a pass over memory less. On a GPU a product adds the bias, and
// with backend.h's ProductEpilogues it computes GeLU, its derivative and sums of columns, too;
// otherwise one kernel does what is left to do to each element.
#pragma once
#include "common/tensor/tensor.h"

namespace shard {

/// X·W + b. x [m × k], weight [k × n], bias [n] → [m × n].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
/// The same into y, a tensor or a view of that shape, of any content.
void linear_into(const Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias);
/// From dY to dX = dY·Wᵀ, and dbias ← dbias + Σ over rows of dY. dy [m × n], weight [k × n], dbias
/// [n] → [m × k]. The third gradient is add_matmul(dW, transposed(x), dy).
Tensor linear_backward(const Tensor& dy, const Tensor& weight, Tensor& dbias);
/// The same dX without the gradient of a bias.
Tensor linear_backward(const Tensor& dy, const Tensor& weight);

/// The gradients of both parameters of Y = X·W + b: dweight ← dweight + Xᵀ·dY and dbias ← dbias + Σ
/// over rows of dY. x [m × k], dy [m × n], dweight [k × n], dbias [n].
void add_linear_gradients(Tensor& dweight, Tensor& dbias, const Tensor& x, const Tensor& dy);

/// gelu(U)·W: nothing of gelu(U) is kept. u [m × k], weight [k × n] → [m × n].
Tensor gelu_matmul(const Tensor& u, const Tensor& weight);

/// What linear_gelu_matmul returns.
struct LinearGelu {
  Tensor u;  // X·W + b
  Tensor y;  // gelu(U)·V
};
/// x [m × k], weight [k × h], bias [h], second [h × n] → u [m × h] and y [m × n].
LinearGelu linear_gelu_matmul(const Tensor& x, const Tensor& weight, const Tensor& bias,
                              const Tensor& second);

/// What gelu_matmul_backward returns.
struct GeluBackward {
  Tensor activated;  // gelu(U), computed again: add_matmul(dW, transposed(activated), dy)
  Tensor du;         // (dY·Wᵀ) ∘ gelu'(U)
};
/// dy [m × n], weight [k × n], u [m × k] → [m × k] twice. dbias ← dbias + Σ over rows of dU: the
/// gradient of a bias [k] that was added to make U.
GeluBackward gelu_matmul_backward(const Tensor& dy, const Tensor& weight, const Tensor& u,
                                  Tensor& dbias);

}  // namespace shard
