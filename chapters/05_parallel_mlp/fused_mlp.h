// FusedMlp: ParallelMlp with GeLU inside the products around it. What GeLU returns is not
// kept, nor written in the forward pass: the backward pass computes it again, in the same pass over
// memory as its derivative. That is a quarter less memory for a block than ParallelMlp needs.
// The idea: Chen et al., "Training deep nets with sublinear memory cost", arXiv:1604.06174.
#pragma once
#include "chapters/05_parallel_mlp/parallel_mlp.h"

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
    auto parts() const { return std::tie(up, up_output); }
  };

  /// As ParallelMlp's.
  Tensor forward(const Tensor& x, Kept& kept) const;
  /// The same without the bias of the sum, for a caller that adds it in a pass of its own.
  Tensor forward_without_bias(const Tensor& x, Kept& kept) const;
  Tensor backward(const Tensor& dz, const Kept& kept);
  /// The bias that is added after the sum over ranks.
  Parameter& last_bias() { return down.bias; }
  const Parameter& last_bias() const { return down.bias; }

 private:
  Communicator& group_;
};

}  // namespace shard
