// expect: your gradient of the bias is what it held before plus the sum of the ranks' means
#include "exercises/07_transformer_block/2_norm_gradients.h"

namespace shard {

Tensor sequence_parallel_norm_backward(Communicator& group, const Tensor& dy, const Tensor& x,
                                       const LayerNorm& forward, const Tensor& gain, Tensor& dgain,
                                       Tensor& dbias) {
  const int64_t width = x.columns();
  Tensor both = Tensor::zeros(x.backend(), {2 * width});
  Tensor of_gain = both.slice({0, width}), of_bias = both.slice({width, 2 * width});
  Tensor dx = layer_norm_backward(dy, x, forward, gain, of_gain, of_bias);
  scale(both, 1.0f / static_cast<float>(x.rows()));
  both = group.all_reduce(PartialSum(both));
  accumulate(dgain, both.slice({0, width}));
  accumulate(dbias, both.slice({width, 2 * width}));
  return dx;
}

}  // namespace shard
