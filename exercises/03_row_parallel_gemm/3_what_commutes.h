#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// Operations on x = Σ xᵢ [tokens × width], of which each rank holds one term xᵢ. b, r, W and h are
/// replicated tensors.
enum class Operation {
  scale,          // 0.5·x
  add_bias,       // x + b
  add_residual,   // x + r
  matmul,         // x·W
  columns,        // columns 2 … 4 of x
  gelu,           // gelu(x)
  gelu_backward,  // gelu'(h) ∘ x: x is a gradient here, and h the input of gelu
  layer_norm,     // each row of x minus its mean, divided by its standard deviation
  dropout,        // m ∘ x: the mask m is the same on every rank (a function of the index)
  row_maximum,    // the largest element of each row of x
};

/// The position of an operation relative to the sum over ranks, from early to late.
enum class Place {
  before_on_every_rank,  // Σ op(xᵢ)
  before_on_one_rank,    // op(x₀) + x₁ + x₂ + …
  after,                 // op(Σ xᵢ)
};

/// The earliest place that gives op(Σ xᵢ), up to rounding, for any values and any number of ranks.
Place earliest_place(Operation operation);

/// y = factor·(Σ xᵢ + bias) + residual as a partial sum: y is the sum of the returned terms over
/// the ranks. x [tokens × width]: each rank's term; bias [width] and residual [tokens × width]: the
/// same on every rank. No communication. May overwrite the terms xᵢ, as all_reduce does.
PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual);

/// y = (Σ xᵢ)·W: x [tokens × in], each rank's term; w [in × out], the same on every rank. One
/// all_reduce, of as few elements as possible. May overwrite the terms xᵢ, too.
Tensor project(Communicator& group, const PartialSum& x, const Tensor& w);

}  // namespace shard
