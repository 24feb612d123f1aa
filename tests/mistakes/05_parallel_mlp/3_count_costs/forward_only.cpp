// expect: your cost (row → row, backward; column → column, backward; column → row, backward) is empty: this pass communicates, too
#include "common/base/partition.h"
#include "exercises/05_parallel_mlp/3_count_costs.h"

namespace shard {

Costs costs_of(Design design, const MlpSizes& sizes, int ranks, int rank) {
  const int64_t column = 4 * sizes.tokens;  // bytes of one column of f32
  // An all_reduce is given whole rows, an all_gather this rank's columns.
  const int64_t own =
      part_of(sizes.width, ranks, rank).size() + part_of(sizes.hidden, ranks, rank).size();
  const Cost two_sums{Collective::all_reduce, 2, column * (sizes.width + sizes.hidden)};
  const Cost two_gathers{Collective::all_gather, 2, column * own};
  const Cost one_sum{Collective::all_reduce, 1, column * sizes.width};
  switch (design) {
    case Design::row_row: return {two_sums, {}};
    case Design::column_column: return {two_gathers, {}};
    default: return {one_sum, {}};
  }
}

}  // namespace shard
