#pragma once
#include "common/base/random.h"
#include "common/tensor/ops.h"

namespace shard {

/// Dropout on the probabilities: those of `sequences` sequences and this rank's heads are the part
/// `block` of the probabilities of the whole batch and of all heads.
struct ProbabilityPlan {
  float probability = 0;
  RandomStream random;
  int64_t sequences = 1;
  Block block;
};

/// x [sequences·heads/t × context × context] under the mask of a plan; the same call on a gradient
/// is the backward pass.
inline Tensor with_dropout(const Tensor& x, const ProbabilityPlan& plan) {
  const Tensor rows = x.reshape({plan.sequences, x.elements() / plan.sequences});
  return dropout(rows, plan.probability, plan.random, plan.block).reshape(x.shape());
}

struct QkvGradients {
  Tensor dq, dk, dv;  // each of the shape of q
};

/// The backward pass of
///     P = softmax(q·kᵀ/√head_width, causal);  heads = with_dropout(P, plan)·v
/// of which q, k and v were kept, [sequences·heads/t × context × head_width] each. dheads, of the
/// same shape, is the gradient of `heads`. Returns those of q, k and v.
QkvGradients attention_backward_again(const Tensor& dheads, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const ProbabilityPlan& plan);

}  // namespace shard
