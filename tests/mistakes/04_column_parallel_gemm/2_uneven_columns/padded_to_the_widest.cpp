// expect: 1 all_gather of 160 bytes instead of 80
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  return right::columns_of_rank(out, block, ranks, rank);
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  const int64_t tokens = x.rows(),
                widest = columns_of_rank(a.columns(), block, group.size(), 0).size();
  Tensor padded = Tensor::zeros(group.backend(), {tokens, widest});
  set_columns(padded, 0, right::own_columns(group, x, a, bias, block));
  const Tensor pieces = group.all_gather(padded);  // [t·tokens × widest]: right, but with padding
  Tensor y(group.backend(), {tokens, a.columns()});
  for (int rank = 0; rank < group.size(); ++rank) {
    const Range range = columns_of_rank(a.columns(), block, group.size(), rank);
    set_columns(y, range.begin,
                columns_of(pieces.slice({rank * tokens, (rank + 1) * tokens}), {0, range.size()}));
  }
  return y;
}

}  // namespace shard
