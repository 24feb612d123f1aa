// expect: a piece begins behind those of all ranks before it
#include "exercises/04_column_parallel_gemm/2_uneven_columns.h"

#include "common/tensor/ops.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  const int64_t blocks = out / block, each = blocks / ranks, more = blocks % ranks;
  const int64_t begin = rank * each + (rank < more ? rank : more);
  const int64_t end = begin + each + (rank < more ? 1 : 0);
  return {begin * block, end * block};
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  const int64_t tokens = x.rows(), out = a.columns();
  const Range mine = columns_of_rank(out, block, group.size(), group.rank());
  Tensor own = matmul(x, columns_of(a, mine));
  add_bias(own, bias.slice(mine));
  std::vector<int64_t> counts;
  for (int rank = 0; rank < group.size(); ++rank)
    counts.push_back(tokens * columns_of_rank(out, block, group.size(), rank).size());
  const Tensor gathered = group.all_gather(own.reshape({own.elements()}), counts);
  Tensor y(group.backend(), {tokens, out});
  for (int rank = 0; rank < group.size(); ++rank) {
    const Range range = columns_of_rank(out, block, group.size(), rank);
    const int64_t size = counts[static_cast<size_t>(rank)], begin = rank * size;
    const Tensor piece = gathered.slice({begin, begin + size}).reshape({tokens, range.size()});
    set_columns(y, range.begin, piece);
  }
  return y;
}

}  // namespace shard
