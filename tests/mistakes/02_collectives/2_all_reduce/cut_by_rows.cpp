// expect: you cut [13 × 7] by rows, so this rank adds up 35 of the 91 elements instead of 31
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor part = group.reduce_scatter(sum);
  return group.all_gather(part, part_sizes(sum.unreduced().rows(), group.size()));
}

}  // namespace shard
