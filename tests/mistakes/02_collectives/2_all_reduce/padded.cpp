// expect: 1 reduce_scatter of 372 bytes instead of 364
#include "common/tensor/ops.h"
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  const int64_t elements = term.elements(), t = group.size(), longest = (elements + t - 1) / t;
  Tensor padded = Tensor::zeros(group.backend(), {longest * t});
  Tensor front = padded.slice({0, elements});
  copy(front, term.reshape({elements}));
  const Tensor all = group.all_gather(group.reduce_scatter(PartialSum(padded)));
  return all.slice({0, elements}).reshape(term.shape());
}

}  // namespace shard
