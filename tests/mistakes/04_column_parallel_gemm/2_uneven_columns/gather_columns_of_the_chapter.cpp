// expect: (called with x [5 × 6], a [6 × 20] and bias [20])
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  return right::columns_of_rank(out, block, ranks, rank);
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  return gather_columns(group, right::own_columns(group, x, a, bias, block), a.columns());
}

}  // namespace shard
