// expect: as [0, 4), [4, 8), [8, 20): the whole remainder goes to the last rank
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  const int64_t size = out / block / ranks * block;
  return {rank * size, rank == ranks - 1 ? out : (rank + 1) * size};
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  return right::gathered(group, right::own_columns(group, x, a, bias, block), a.columns(), block);
}

}  // namespace shard
