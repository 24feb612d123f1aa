#include "exercises/04_column_parallel_gemm/3_overlap.h"

#include "common/tensor/ops.h"

namespace shard {

Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db) {
  Tensor dx = Tensor::zeros(group.backend(), x.shape());  // [tokens × in]
  std::vector<PendingSum> sums;
  for (int half = 0; half < 2; ++half) {
    const Range rows = part_of(x.rows(), 2, half);
    Tensor term = dx.slice(rows);                              // a view: the sum is stored in dx
    add_matmul(term, dy.slice(rows), transposed(a));           // dY·A_iᵀ: [half × in]
    sums.push_back(group.start_all_reduce(PartialSum(term)));  // runs from here on
  }
  add_matmul(da, transposed(x), dy);  // dA_i += Xᵀ·dY_i: [in × out/t], during both all-reduces
  add_column_sums(db, dy);
  for (PendingSum& sum : sums) sum.wait();
  return dx;
}

}  // namespace shard
