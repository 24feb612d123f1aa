// FusedMlp: ParallelMlp with GeLU inside the products around it. What GeLU returns is not
// kept, nor written in the forward pass: the backward pass computes it again, in the same pass over
// memory as its derivative. That is a quarter less memory for a block than ParallelMlp needs.
// The idea: Chen et al., "Training deep nets with sublinear memory cost", arXiv:1604.06174.
#pragma once
#include "chapters/05_parallel_mlp/parallel_mlp.h"
#include "common/tensor/linear.h"

namespace shard {

/// The same parameters, the same function, and the same communication.
class FusedMlp : public ParallelMlp {
 public:
  FusedMlp(Communicator& group, const std::string& name, int64_t width, int64_t hidden,
           const Init& init, float projection)
      : ParallelMlp(group, name, width, hidden, init, projection), group_(group) {}

  struct Kept {
    ColumnParallelLinear::Kept up;
    Tensor up_output;  // [tokens × hidden/t], before GeLU
    ColumnParallelLinear::Kept& first() { return up; }
    auto parts() const { return std::tie(up, up_output); }
  };

  /// As ParallelMlp's.
  Tensor forward(const Tensor& x, Kept& kept) const;
  Tensor backward(const Tensor& dz, const Kept& kept);
  /// forward without the bias of `down`, for a caller that adds it in a pass of its own.
  Tensor forward_without_bias(const Tensor& x, Kept& kept) const;
  using LeavesLastBias = FusedMlp;  // for chapter 07's block

  // The same between f and g, for code with other collectives there. No communication.
  /// This rank's term of Z, without the bias of `down`.
  PartialSum partial_forward(const Tensor& x, Kept& kept) const;
  /// dz: [tokens × width]. Leaves the gradients of up's weight and of down's bias to the caller.
  PartialBackward partial_backward(const Tensor& dz, const Kept& kept);

 private:
  GeluBackward backward_to_up(const Tensor& dz, const Kept& kept);

  Communicator& group_;
};

}  // namespace shard
