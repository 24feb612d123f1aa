// expect: you start sum 1 when the other half of dX is computed as well
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/3_overlap.h"

namespace shard {

Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db) {
  Tensor dx = matmul(dy, transposed(a));
  std::vector<PendingSum> sums;
  for (int half = 0; half < 2; ++half)
    sums.push_back(group.start_all_reduce(PartialSum(dx.slice(part_of(x.rows(), 2, half)))));
  add_matmul(da, transposed(x), dy);
  add_column_sums(db, dy);
  for (PendingSum& sum : sums) sum.wait();
  return dx;
}

}  // namespace shard
