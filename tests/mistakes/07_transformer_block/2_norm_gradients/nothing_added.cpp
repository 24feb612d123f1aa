// expect: your gradient of the gain is the right gradient of the gain minus 1 × Σ dY·n: it is missing
#include "common/tensor/ops.h"
#include "exercises/07_transformer_block/2_norm_gradients.h"

namespace shard {

Tensor sequence_parallel_norm_backward(Communicator& group, const Tensor& dy, const Tensor& x,
                                       const LayerNorm& forward, const Tensor& gain, Tensor& dgain,
                                       Tensor& dbias) {
  const int64_t width = x.columns();
  Tensor both = Tensor::zeros(x.backend(), {2 * width});
  Tensor of_gain = both.slice({0, width}), of_bias = both.slice({width, 2 * width});
  Tensor dx = layer_norm_backward(dy, x, forward, gain, of_gain, of_bias);
  group.all_reduce(PartialSum(both));
  return dx;
}

}  // namespace shard
