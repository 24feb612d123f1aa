// expect: 1 reduce_scatter on world where none is allowed; 1 all_gather on world where none is allowed; 0 all_reduces
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
  both =
      group.all_gather(group.reduce_scatter(PartialSum(both)), part_sizes(2 * width, group.size()));
  accumulate(dgain, both.slice({0, width}));
  accumulate(dbias, both.slice({width, 2 * width}));
  return dx;
}

}  // namespace shard
