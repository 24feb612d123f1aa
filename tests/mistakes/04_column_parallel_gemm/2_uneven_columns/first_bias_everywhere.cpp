// expect: computed with the wrong bias: every rank added the first entries, not those of its columns
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  return right::columns_of_rank(out, block, ranks, rank);
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  const Range own = columns_of_rank(a.columns(), block, group.size(), group.rank());
  Tensor y = matmul(x, columns_of(a, own));
  add_bias(y, bias.slice({0, own.size()}));
  return right::gathered(group, y, a.columns(), block);
}

}  // namespace shard
