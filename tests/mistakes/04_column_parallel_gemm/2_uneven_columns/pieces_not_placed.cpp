// expect: the ranks' pieces one after the other, as all_gather delivers them
#include "tests/mistakes/04_column_parallel_gemm/2_uneven_columns/right.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  return right::columns_of_rank(out, block, ranks, rank);
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  const Tensor own = right::own_columns(group, x, a, bias, block);
  std::vector<int64_t> counts;
  for (int rank = 0; rank < group.size(); ++rank) {
    counts.push_back(x.rows() * columns_of_rank(a.columns(), block, group.size(), rank).size());
  }
  return group.all_gather(own.reshape({own.elements()}), counts).reshape({x.rows(), a.columns()});
}

}  // namespace shard
