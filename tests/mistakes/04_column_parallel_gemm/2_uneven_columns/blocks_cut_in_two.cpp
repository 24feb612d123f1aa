// expect: among 3 ranks as [0, 7), [7, 14), [14, 20): [0, 7) cuts a block in two
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  return part_of(out, ranks, rank);
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  return right::gathered(group, right::own_columns(group, x, a, bias, block), a.columns(), block);
}

}  // namespace shard
