// expect: each rank's own part of its own term, gathered: nothing was summed; a reduce_scatter must come first
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  const Tensor vector = term.reshape({term.elements()});
  const Tensor part = vector.slice(part_of(vector.elements(), group.size(), group.rank()));
  return group.all_gather(part, part_sizes(vector.elements(), group.size())).reshape(term.shape());
}

}  // namespace shard
