// expect: gradient of positions is t times the sum: it was summed twice
#include "exercises/13_sequence_parallel/1_which_sums.h"
#include "tests/mistakes/13_sequence_parallel/1_which_sums/packed.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  sum_packed(tp, {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
                  &gradients.projection_bias, &gradients.query_norm_gain});
  sum_packed(tp, {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
                  &gradients.projection_bias, &gradients.query_norm_gain});
}

}  // namespace shard
