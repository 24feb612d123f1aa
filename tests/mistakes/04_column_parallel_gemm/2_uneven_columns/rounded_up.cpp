// expect: among 4 ranks as [0, 8), [8, 16), [16, 20), none: rounded up for every rank
#include <algorithm>

#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  const int64_t blocks = out / block, size = (blocks + ranks - 1) / ranks * block;
  return {std::min(out, rank * size), std::min(out, (rank + 1) * size)};
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  return right::gathered(group, right::own_columns(group, x, a, bias, block), a.columns(), block);
}

}  // namespace shard
