// expect: exercise 02.2, [1 × 2], t = 3: rank 2 has returned from your function; rank 0 waits in all_gather of 1 f32
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();                          // [rows × columns]
  const Tensor vector = term.reshape({term.elements()});         // cut by elements, not by rows
  const Tensor part = group.reduce_scatter(PartialSum(vector));  // [elements/t]
  if (part.elements() == 0) return term;
  const Tensor whole = group.all_gather(part, part_sizes(vector.elements(), group.size()));
  return whole.reshape(term.shape());
}

}  // namespace shard
