// expect: 1 all_gather on world where none is allowed; 0 all_reduces instead of 2
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/3_overlap.h"

namespace shard {

Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db) {
  const Tensor terms = group.all_gather(matmul(dy, transposed(a)));
  Tensor dx = Tensor::zeros(group.backend(), x.shape());
  for (int rank = 0; rank < group.size(); ++rank)
    accumulate(dx, terms.slice({rank * x.rows(), (rank + 1) * x.rows()}));
  add_matmul(da, transposed(x), dy);
  add_column_sums(db, dy);
  return dx;
}

}  // namespace shard
