// expect: minus 0.667 × what both calls should add: it was divided by the number of ranks
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
  add_matmul(da, transposed(x), dy);
  Tensor sums_of_columns = Tensor::zeros(group.backend(), db.shape());
  add_column_sums(sums_of_columns, dy);
  accumulate(db, sums_of_columns, 1.0f / static_cast<float>(group.size()));
  for (PendingSum& sum : sums) sum.wait();
  return dx;
}

}  // namespace shard
