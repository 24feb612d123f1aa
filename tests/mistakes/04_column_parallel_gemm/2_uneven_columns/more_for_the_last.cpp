// expect: the extra blocks go to the first ranks, not to the last ones
#include <algorithm>

#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  const int64_t blocks = out / block, size = blocks / ranks, without = ranks - blocks % ranks;
  const int64_t begin = rank * size + std::max<int64_t>(0, rank - without);
  return {begin * block, (begin + size + (rank >= without ? 1 : 0)) * block};
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  return right::gathered(group, right::own_columns(group, x, a, bias, block), a.columns(), block);
}

}  // namespace shard
