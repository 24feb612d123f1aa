// SelectiveAttention: chapter 06's ParallelAttention, written out step by step, that keeps q, k and
// v, and not the probabilities: two matrices [context × context] for each head, by far the most
// memory where the context is long. The backward pass computes them again from q and k.
// Korthikanti et al., arXiv:2205.05198, section 5. The output of P·V is kept as the projection's
// input, so that product is not computed again: one of the forward pass's two.
#pragma once
#include "chapters/06_parallel_attention/parallel_attention.h"

namespace shard {

//! [14-selective]
/// The same parameters, function, communication and gradients.
class SelectiveAttention : public ParallelAttention {
 public:
  using ParallelAttention::ParallelAttention;

  /// As ParallelAttention's.
  Tensor forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout,
                 Kept& kept) const {
    Tensor z = ParallelAttention::forward(x, batch, dropout, kept);
    kept.probabilities = kept.dropped = {};
    return z;
  }
  Tensor backward(const Tensor& dz, const Kept& kept) {
    Kept again = kept;  // the same tensors: nothing is copied
    compute_probabilities(again);
    return ParallelAttention::backward(dz, again);
  }
};
//! [14-selective]

}  // namespace shard
