// expect: 0 reduce_scatters instead of 1; 1 all_gather of 364 bytes instead of 124
#include "common/tensor/ops.h"
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  const Tensor all = group.all_gather(term);
  Tensor total = all.slice({0, term.rows()}).clone();
  for (int rank = 1; rank < group.size(); ++rank) {
    accumulate(total, all.slice({rank * term.rows(), (rank + 1) * term.rows()}));
  }
  return total;
}

}  // namespace shard
