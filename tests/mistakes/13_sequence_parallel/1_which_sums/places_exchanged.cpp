// expect: gradient of the norm's gain is that of the norm's bias: places were exchanged
#include "exercises/13_sequence_parallel/1_which_sums.h"
#include "tests/mistakes/13_sequence_parallel/1_which_sums/packed.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  Packed all(tp.backend(), {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
                            &gradients.projection_bias, &gradients.query_norm_gain});
  tp.all_reduce(PartialSum(all.flat));
  std::swap(all.places[1], all.places[2]);
  all.unpack();
}

}  // namespace shard
