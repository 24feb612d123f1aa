// expect: the mean over the 3 ranks: an all-reduce sums, and does not divide
#include "common/tensor/ops.h"
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  Tensor part = group.reduce_scatter(PartialSum(term.reshape({term.elements()})));
  scale(part, 1.0f / static_cast<float>(group.size()));
  return group.all_gather(part, part_sizes(term.elements(), group.size())).reshape(term.shape());
}

}  // namespace shard
