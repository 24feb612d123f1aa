// expect: 1 reduce_scatter on world where none is allowed; 1 all_gather on world where none is allowed; 0 all_reduces
#include "exercises/13_sequence_parallel/1_which_sums.h"
#include "tests/mistakes/13_sequence_parallel/1_which_sums/packed.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  Packed all(tp.backend(), {&gradients.positions, &gradients.norm_gain, &gradients.norm_bias,
                            &gradients.projection_bias, &gradients.query_norm_gain});
  const std::vector<int64_t> parts = part_sizes(all.flat.elements(), tp.size());
  tp.all_gather_into(all.flat, tp.reduce_scatter(PartialSum(all.flat)), parts);
  all.unpack();
}

}  // namespace shard
