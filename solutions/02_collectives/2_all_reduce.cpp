#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();                          // [rows × columns]
  const Tensor vector = term.reshape({term.elements()});         // cut by elements, not by rows
  const Tensor part = group.reduce_scatter(PartialSum(vector));  // [elements/t]
  const Tensor whole = group.all_gather(part, part_sizes(vector.elements(), group.size()));
  return whole.reshape(term.shape());
}

}  // namespace shard
