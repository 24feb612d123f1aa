// expect: 1 all_reduce instead of 2
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/3_overlap.h"

namespace shard {

Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db) {
  PendingSum dx = group.start_all_reduce(PartialSum(matmul(dy, transposed(a))));
  add_matmul(da, transposed(x), dy);
  add_column_sums(db, dy);
  return dx.wait();
}

}  // namespace shard
