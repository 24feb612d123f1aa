// expect: minus 1 × what both calls should add: it is missing: it was never added, or times 0: 1 / n is 0 in whole numbers
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/3_overlap.h"

namespace shard {

Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db) {
  Tensor dx = Tensor::zeros(group.backend(), x.shape());
  std::vector<PendingSum> sums;
  for (int half = 0; half < 2; ++half) {
    const Range rows = part_of(x.rows(), 2, half);
    Tensor term = dx.slice(rows);
    add_matmul(term, dy.slice(rows), transposed(a));
    sums.push_back(group.start_all_reduce(PartialSum(term)));
  }
  accumulate(da, matmul(transposed(x), dy), 1 / group.size());
  add_column_sums(db, dy);
  for (PendingSum& sum : sums) sum.wait();
  return dx;
}

}  // namespace shard
