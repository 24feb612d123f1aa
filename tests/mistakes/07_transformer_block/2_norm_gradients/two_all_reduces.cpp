// expect: 2 all_reduces instead of 1
#include "common/tensor/ops.h"
#include "exercises/07_transformer_block/2_norm_gradients.h"

namespace shard {

Tensor sequence_parallel_norm_backward(Communicator& group, const Tensor& dy, const Tensor& x,
                                       const LayerNorm& forward, const Tensor& gain, Tensor& dgain,
                                       Tensor& dbias) {
  Tensor of_gain = Tensor::zeros(x.backend(), gain.shape()),
         of_bias = Tensor::zeros(x.backend(), gain.shape());
  Tensor dx = layer_norm_backward(dy, x, forward, gain, of_gain, of_bias);
  accumulate(dgain, group.all_reduce(PartialSum(of_gain)));
  accumulate(dbias, group.all_reduce(PartialSum(of_bias)));
  return dx;
}

}  // namespace shard
