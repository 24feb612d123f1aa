// expect: is what the ranks send in a ring (LedgerRow::sent): the bytes that are asked for are those given to the collective
#include "common/base/partition.h"
#include "exercises/05_parallel_mlp/3_count_costs.h"

namespace shard {

Costs costs_of(Design design, const MlpSizes& sizes, int ranks, int rank) {
  const int64_t column = 4 * sizes.tokens;  // bytes of one column of f32
  const int next = (rank + 1) % ranks;
  const int64_t own = sizes.width - part_of(sizes.width, ranks, next).size() + sizes.hidden -
                      part_of(sizes.hidden, ranks, next).size();
  const auto sent = [&](int64_t columns) {
    return 4 * (2 * sizes.tokens * columns * (ranks - 1) / ranks);
  };
  const Cost two_sums{Collective::all_reduce, 2, sent(sizes.width) + sent(sizes.hidden)};
  const Cost two_gathers{Collective::all_gather, 2, column * own};
  const Cost one_sum{Collective::all_reduce, 1, sent(sizes.width)};
  switch (design) {
    case Design::row_row: return {two_sums, two_gathers};
    case Design::column_column: return {two_gathers, two_sums};
    default: return {one_sum, one_sum};
  }
}

}  // namespace shard
