// expect: your gradient of the gain is the right gradient of the gain minus 0.667 × Σ dY·n: it was divided by the number of ranks
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
  both = group.all_reduce(PartialSum(both));
  const float share = 1.0f / static_cast<float>(group.size());
  accumulate(dgain, of_gain, share);
  accumulate(dbias, of_bias, share);
  return dx;
}

}  // namespace shard
