// expect: are enough: each rank computes only its
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  return right::columns_of_rank(out, block, ranks, rank);
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  Tensor y = matmul(x, a);
  add_bias(y, bias);
  const Range own = columns_of_rank(a.columns(), block, group.size(), group.rank());
  return right::gathered(group, columns_of(y, own), a.columns(), block);
}

}  // namespace shard
