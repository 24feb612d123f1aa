// expect: is (t-1)/t of what is given: that is what a ring sends in one round
#include "common/base/partition.h"
#include "exercises/05_parallel_mlp/3_count_costs.h"

namespace shard {

Costs costs_of(Design design, const MlpSizes& sizes, int ranks, int rank) {
  const auto share = [&](int64_t columns) {
    return 4 * sizes.tokens * columns * (ranks - 1) / ranks;
  };
  const int64_t own_width = part_of(sizes.width, ranks, rank).size(),
                own_hidden = part_of(sizes.hidden, ranks, rank).size();
  const Cost two_sums{Collective::all_reduce, 2, share(sizes.width) + share(sizes.hidden)};
  const Cost two_gathers{Collective::all_gather, 2, share(own_width) + share(own_hidden)};
  const Cost one_sum{Collective::all_reduce, 1, share(sizes.width)};
  switch (design) {
    case Design::row_row: return {two_sums, two_gathers};
    case Design::column_column: return {two_gathers, two_sums};
    default: return {one_sum, one_sum};
  }
}

}  // namespace shard
