// expect: (pieces of different lengths: `rows` must name them)
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  const Tensor part = group.reduce_scatter(PartialSum(term.reshape({term.elements()})));
  return group.all_gather(part).reshape(term.shape());
}

}  // namespace shard
