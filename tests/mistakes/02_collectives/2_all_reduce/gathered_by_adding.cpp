// expect: 1 all_reduce on world where none is allowed; 0 all_gathers instead of 1
#include "common/tensor/ops.h"
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  const Tensor part = group.reduce_scatter(PartialSum(term.reshape({term.elements()})));
  Tensor whole = Tensor::zeros(group.backend(), {term.elements()});
  Tensor mine = whole.slice(part_of(term.elements(), group.size(), group.rank()));
  copy(mine, part);
  return group.all_reduce(PartialSum(whole)).reshape(term.shape());
}

}  // namespace shard
