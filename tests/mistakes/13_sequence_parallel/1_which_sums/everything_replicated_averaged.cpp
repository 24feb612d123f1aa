// expect: gradient of the norm's gain is the mean over the ranks
#include "exercises/13_sequence_parallel/1_which_sums.h"
#include "tests/mistakes/13_sequence_parallel/1_which_sums/packed.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  sum_packed(tp, {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
                  &gradients.projection_bias, &gradients.query_norm_gain, &gradients.router});
  const float share = 1.0f / static_cast<float>(tp.size());
  for (Tensor* gradient :
       {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
        &gradients.projection_bias, &gradients.query_norm_gain, &gradients.router})
    scale(*gradient, share);
}

}  // namespace shard
