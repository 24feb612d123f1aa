// expect: gradient of the router is t times what it was: it was complete on every rank, and was summed
#include "exercises/13_sequence_parallel/1_which_sums.h"
#include "tests/mistakes/13_sequence_parallel/1_which_sums/packed.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  sum_packed(tp, {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
                  &gradients.projection_bias, &gradients.query_norm_gain, &gradients.router});
}

}  // namespace shard
