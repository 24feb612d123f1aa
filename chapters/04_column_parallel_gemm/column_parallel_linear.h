// ColumnParallelLinear: Y = X·A + b with A (and b) cut by columns.
//     X·[A₀ A₁ … ] = [X·A₀ X·A₁ … ], for ranks 0 to t - 1
// Each rank computes complete columns of Y, so GeLU can follow at once. Shoeybi et al.,
// arXiv:1909.08053, section 3.
#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/kept.h"
#include "common/tensor/parameter.h"

namespace shard {

class ColumnParallelLinear {
 public:
  /// Rank i of `group` holds columns part_of(out, t, i) of A [in × out] and of b [out].
  ColumnParallelLinear(Communicator& group, const std::string& name, int64_t in, int64_t out,
                       const Init& init);
  /// The same with this rank's columns named: several ranges, one after the other.
  ColumnParallelLinear(Communicator& group, const std::string& name, int64_t in, int64_t out,
                       const std::vector<Range>& columns, const Init& init);

  /// What backward needs of a forward pass.
  struct Kept {
    Tensor x;  // [tokens × in]
    auto parts() const { return std::tie(x); }
  };

  /// x: [tokens × in], the same on every rank. Returns this rank's columns of Y [tokens × out/t].
  /// No communication.
  Tensor forward(const Tensor& x, Kept& kept) const;
  /// dy: [tokens × out/t], this rank's columns of dY. Returns dX [tokens × in], the same on every
  /// rank: the sum of the ranks' terms dY_i·A_iᵀ. Its one all-reduce runs while this rank computes
  /// dA_i.
  Tensor backward(const Tensor& dy, const Kept& kept);
  /// The same without the bias: its gradient, Σ over tokens of dY_i, is the caller's to add.
  Tensor backward_without_bias(const Tensor& dy, const Kept& kept);

  // Its two halves, between which the sum over the ranks may start.
  /// This rank's term of dX, dY_i·A_iᵀ; adds to the gradient of b_i.
  PartialSum partial_backward(const Tensor& dy);
  /// Adds Xᵀ·dY_i to the gradient of A_i. x: what forward was given.
  void add_weight_gradient(const Tensor& x, const Tensor& dy);

  Parameters parameters() { return {&weight, &bias}; }
  Parameter weight;  // [in × out/t]
  Parameter bias;    // [out/t]

 private:
  Communicator& group_;
};

/// What the backward pass of layers returns that begin with a ColumnParallelLinear, before the sum
/// over the ranks.
struct PartialBackward {
  PartialSum dx;  // this rank's term [tokens × in]
  Tensor dfirst;  // [tokens × out/t]: the gradient of that layer's output, for add_weight_gradient
};

/// All ranks' columns side by side: [tokens × out/t] → [tokens × out], cut as part_of(out, t,
/// rank). One all-gather. The way back, for gradients, is columns_of: every rank takes its own
/// columns.
Tensor gather_columns(Communicator& group, const Tensor& part, int64_t out);

}  // namespace shard
