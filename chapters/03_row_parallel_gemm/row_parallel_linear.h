// RowParallelLinear: Y = X·A + b with A cut by rows and X by columns.
//     X·A = [X₀ X₁ … ] · [A₀; A₁; … ] = Σ X_i·A_i, i from 0 to t - 1
// Each rank computes one term of the sum; an all-reduce adds them. Shoeybi et al.,
// arXiv:1909.08053, section 3.
#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/kept.h"
#include "common/tensor/parameter.h"

namespace shard {

class RowParallelLinear {
 public:
  /// Rank i of `group` holds rows part_of(in, t, i) of A [in × out], and all of b [out].
  /// Parameters are named `name`.weight and `name`.bias, and start as `init` says.
  RowParallelLinear(Communicator& group, const std::string& name, int64_t in, int64_t out,
                    const Init& init);

  /// What backward needs of a forward pass.
  struct Kept {
    Tensor x;  // [tokens × in/t]
    auto parts() const { return std::tie(x); }
  };

  /// x: [tokens × in/t], this rank's columns of X. Returns Y [tokens × out], the same on every
  /// rank. One all-reduce.
  Tensor forward(const Tensor& x, Kept& kept) const;
  /// The same without the sum and without the bias: this rank's term.
  PartialSum partial_forward(const Tensor& x, Kept& kept) const;
  /// The same with the sum, but without the bias, for a caller that adds it in a pass of its own.
  Tensor forward_without_bias(const Tensor& x, Kept& kept) const;
  /// dy: [tokens × out], the same on every rank. Returns this rank's columns of dX [tokens × in/t].
  /// No communication.
  Tensor backward(const Tensor& dy, const Kept& kept);
  /// The same without the bias: its gradient, Σ over tokens of dY, is the caller's to add.
  Tensor backward_without_bias(const Tensor& dy, const Kept& kept);

  Parameters parameters() { return {&weight, &bias}; }
  Parameter weight;  // [in/t × out]
  Parameter bias;    // [out], replicated

 private:
  Communicator& group_;
};

}  // namespace shard
