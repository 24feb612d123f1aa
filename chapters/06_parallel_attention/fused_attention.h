// FusedAttention: ParallelAttention with attention as one operation instead of three steps. It
// keeps the output and one number for each query, the log-sum-exp of its scores, from which the
// backward pass computes the probabilities again: nothing of context × context is kept, nor
// written. Heads are read, and written, where the products have them. Dao et al., arXiv:2205.14135.
#pragma once
#include <array>

#include "chapters/06_parallel_attention/parallel_attention.h"
#include "common/tensor/attention.h"

namespace shard {

/// The same parameters, the same function, and the same communication.
class FusedAttention : public ParallelAttention {
 public:
  using ParallelAttention::ParallelAttention;

  struct Kept {
    int64_t batch = 0;
    AttentionDropout dropout;
    ColumnParallelLinear::Kept qkv;
    Tensor qkv_output;         // [tokens × 3·width/t]: Q_i K_i V_i
    AttentionResult attended;  // output [tokens × width/t]
    RowParallelLinear::Kept projection;
    ColumnParallelLinear::Kept& first() { return qkv; }
    auto parts() const {
      return std::tie(qkv, qkv_output, attended.output, attended.log_sum_exp, projection);
    }
  };

  /// As ParallelAttention's.
  Tensor forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout, Kept& kept) const;
  Tensor backward(const Tensor& dz, const Kept& kept);
  /// The same without the bias of `projection`, for a caller that adds it, and its gradient, in
  /// passes of its own.
  Tensor forward_without_bias(const Tensor& x, int64_t batch, const AttentionDropout& dropout,
                              Kept& kept) const;
  Tensor backward_without_bias(const Tensor& dz, const Kept& kept);
  using LeavesLastBias = FusedAttention;  // for chapter 07's block

  // The same between f and g, for code with other collectives there. No communication.
  /// This rank's term of Z, without the bias of `projection`.
  PartialSum partial_forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout,
                             Kept& kept) const;
  /// dz: [tokens × width]. Leaves the gradients of qkv's weight and of projection's bias to the
  /// caller.
  PartialBackward partial_backward(const Tensor& dz, const Kept& kept);

 private:
  /// What is attended, which the projection is applied to: [tokens × width/t].
  Tensor attend(const Tensor& x, int64_t batch, const AttentionDropout& dropout, Kept& kept) const;
  /// From its gradient to that of qkv's output, [tokens × 3·width/t].
  Tensor attend_backward(const Tensor& dattended, const Kept& kept) const;
  /// The heads in columns number·width/t … of x [tokens × columns].
  Heads heads(const Tensor& x, int number, const Kept& kept) const;
  /// Those of Q, K and V in [tokens × 3·width/t].
  std::array<Heads, 3> qkv_heads(const Tensor& x, const Kept& kept) const {
    return {heads(x, 0, kept), heads(x, 1, kept), heads(x, 2, kept)};
  }
  AttentionSettings settings(const Kept& kept) const;
};

}  // namespace shard
