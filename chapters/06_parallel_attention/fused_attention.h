// FusedAttention: ParallelAttention with attention as one operation instead of three steps. It
// keeps the output and one number for each query, the log-sum-exp of its scores, from which the
// backward pass computes the probabilities again: nothing of context × context is kept, nor
// written. Dao et al., arXiv:2205.14135.
#pragma once
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
    Tensor q, k, v;  // [batch·heads/t × context × head_width] each
    AttentionResult attended;
    RowParallelLinear::Kept projection;
    auto parts() const {
      return std::tie(qkv, q, k, v, attended.output, attended.log_sum_exp, projection);
    }
  };

  /// As ParallelAttention's.
  Tensor forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout, Kept& kept) const;
  Tensor backward(const Tensor& dz, const Kept& kept);

 private:
  AttentionSettings settings(const Kept& kept) const;
};

}  // namespace shard
