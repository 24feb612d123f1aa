// expect: you wait for sum 1 before da and db are computed: nothing overlaps with it
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/3_overlap.h"

namespace shard {

Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db) {
  Tensor dx = Tensor::zeros(group.backend(), x.shape());
  for (int half = 0; half < 2; ++half) {
    const Range rows = part_of(x.rows(), 2, half);
    Tensor dx_rows = dx.slice(rows);
    copy(dx_rows, group.all_reduce(PartialSum(matmul(dy.slice(rows), transposed(a)))));
  }
  add_matmul(da, transposed(x), dy);
  add_column_sums(db, dy);
  return dx;
}

}  // namespace shard
