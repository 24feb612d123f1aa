#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/attention.h"

namespace shard {

/// The gradients of this rank's queries, keys and values.
struct RingGradients {
  Tensor dq, dk, dv;  // [heads × n × head_width]
};

/// The backward pass of a ring whose sequences are cut contiguously: rank r has the tokens r·n …
/// (r+1)·n-1, as queries q, keys k and values v [heads × n × head_width] each. dout, of that shape,
/// is the gradient of the output; `whole` is the forward pass' result for these queries over the
/// keys of all ranks. The scores' scale is `scale`.
RingGradients ring_backward(Communicator& group, const Tensor& q, const Tensor& k, const Tensor& v,
                            const Tensor& dout, const AttentionResult& whole, float scale);

}  // namespace shard
