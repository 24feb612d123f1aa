// expect: your gradient of the gain is the right gradient of the gain minus 1 × Σ dY·n: it is missing: it was never added, or times 0
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
  accumulate(dgain, both.slice({0, width}), 1 / group.size());
  accumulate(dbias, both.slice({width, 2 * width}));
  return dx;
}

}  // namespace shard
