// expect: 1 all_reduce on world where none is allowed; 0 all_gathers instead of 1
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  return right::columns_of_rank(out, block, ranks, rank);
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  Tensor y = Tensor::zeros(group.backend(), {x.rows(), a.columns()});
  const Range own = columns_of_rank(a.columns(), block, group.size(), group.rank());
  set_columns(y, own.begin, right::own_columns(group, x, a, bias, block));
  return group.all_reduce(PartialSum(y));  // right, but twice the traffic
}

}  // namespace shard
