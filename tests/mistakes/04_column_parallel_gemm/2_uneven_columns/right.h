// The right answers, for what a mistake does not affect.
#pragma once
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/2_uneven_columns.h"

namespace shard::right {

inline Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) {
  const Range blocks = part_of(out / block, ranks, rank);
  return {blocks.begin * block, blocks.end * block};
}

/// This rank's columns of Y: [tokens × own columns].
inline Tensor own_columns(const Communicator& group, const Tensor& x, const Tensor& a,
                          const Tensor& bias, int64_t block) {
  const Range own = columns_of_rank(a.columns(), block, group.size(), group.rank());
  Tensor y = matmul(x, columns_of(a, own));
  add_bias(y, bias.slice(own));
  return y;
}

/// Every rank's columns in their place, from [tokens × own columns]: [tokens × out].
inline Tensor gathered(Communicator& group, const Tensor& own, int64_t out, int64_t block) {
  const int64_t tokens = own.rows();
  std::vector<Range> ranges;
  std::vector<int64_t> counts;
  for (int rank = 0; rank < group.size(); ++rank) {
    ranges.push_back(columns_of_rank(out, block, group.size(), rank));
    counts.push_back(tokens * ranges.back().size());
  }
  const Tensor pieces = group.all_gather(own.reshape({own.elements()}), counts);
  Tensor y(group.backend(), {tokens, out});
  for (const Range& range : ranges) {
    const Tensor piece = pieces.slice({tokens * range.begin, tokens * range.end});
    set_columns(y, range.begin, piece.reshape({tokens, range.size()}));
  }
  return y;
}

}  // namespace shard::right
