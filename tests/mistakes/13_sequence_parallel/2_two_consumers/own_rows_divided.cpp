// expect: with dV·Cᵀ divided by the ranks
#include "common/tensor/ops.h"
#include "exercises/13_sequence_parallel/2_two_consumers.h"

namespace shard {

Tensor shared_gather_backward(Communicator& group, const Tensor& y, const Tensor& du,
                              const Tensor& dv, const Tensor& a, const Tensor& c, Tensor& da,
                              Tensor& dc) {
  PendingSum dx = group.start_reduce_scatter(PartialSum(matmul(du, transposed(a))));
  add_matmul(da, transposed(y), du);
  add_matmul(dc, transposed(y), dv);
  const Range own = part_of(dv.rows(), group.size(), group.rank());
  Tensor mine = matmul(dv.slice(own), transposed(c));
  scale(mine, 1.0f / static_cast<float>(group.size()));
  accumulate(mine, dx.wait());
  return mine;
}

}  // namespace shard
