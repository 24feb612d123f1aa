// expect: gradient of the gain of Q's norm is this rank's term only: it has seen this rank's heads only
#include "exercises/13_sequence_parallel/1_which_sums.h"
#include "tests/mistakes/13_sequence_parallel/1_which_sums/packed.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  sum_packed(tp, {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
                  &gradients.projection_bias});
}

}  // namespace shard
