// expect: end is the column after the last one, so every rank's last column is lost
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  const Range right = right::columns_of_rank(out, block, ranks, rank);
  return {right.begin, right.end - 1};
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  return right::gathered(group, right::own_columns(group, x, a, bias, block), a.columns(), block);
}

}  // namespace shard
