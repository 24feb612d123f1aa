// expect: minus 0.667 × bias: it was divided by the number of ranks
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/2_uneven_columns.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  const Range blocks = part_of(out / block, ranks, rank);
  return {blocks.begin * block, blocks.end * block};
}

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  const int64_t tokens = x.rows(), out = a.columns();
  const auto range_of = [&](int rank) { return columns_of_rank(out, block, group.size(), rank); };
  Tensor own = matmul(x, columns_of(a, range_of(group.rank())));
  Tensor share = bias.slice(range_of(group.rank())).clone();
  scale(share, 1.0f / static_cast<float>(group.size()));
  add_bias(own, share);

  std::vector<int64_t> counts;
  for (int rank = 0; rank < group.size(); ++rank) counts.push_back(tokens * range_of(rank).size());
  const Tensor pieces = group.all_gather(own.reshape({own.elements()}), counts);
  Tensor y(group.backend(), {tokens, out});
  for (int rank = 0; rank < group.size(); ++rank) {
    const Range range = range_of(rank);
    const Tensor piece = pieces.slice({tokens * range.begin, tokens * range.end});
    set_columns(y, range.begin, piece.reshape({tokens, range.size()}));
  }
  return y;
}

}  // namespace shard
