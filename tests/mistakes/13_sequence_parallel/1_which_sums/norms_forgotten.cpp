// expect: gradient of the norm's gain is this rank's term only: it has seen this rank's rows only
#include "exercises/13_sequence_parallel/1_which_sums.h"
#include "tests/mistakes/13_sequence_parallel/1_which_sums/packed.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  sum_packed(tp, {&gradients.positions, &gradients.projection_bias, &gradients.query_norm_gain});
}

}  // namespace shard
