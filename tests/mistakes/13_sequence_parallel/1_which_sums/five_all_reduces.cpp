// expect: 5 all_reduces instead of 1
#include "exercises/13_sequence_parallel/1_which_sums.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  for (const Tensor* gradient : {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
                                 &gradients.projection_bias, &gradients.query_norm_gain})
    tp.all_reduce(PartialSum(*gradient));
}

}  // namespace shard
