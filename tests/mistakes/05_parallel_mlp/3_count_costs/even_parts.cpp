// expect: is right only where t divides width and hidden: the first ranks have one column more (part_of)
#include "common/base/partition.h"
#include "exercises/05_parallel_mlp/3_count_costs.h"

namespace shard {

Costs costs_of(Design design, const MlpSizes& sizes, int ranks, int rank) {
  const int64_t column = 4 * sizes.tokens;  // bytes of one column of f32
  const int64_t own = sizes.width / ranks + sizes.hidden / ranks;
  const Cost two_sums{Collective::all_reduce, 2, column * (sizes.width + sizes.hidden)};
  const Cost two_gathers{Collective::all_gather, 2, column * own};
  const Cost one_sum{Collective::all_reduce, 1, column * sizes.width};
  switch (design) {
    case Design::row_row: return {two_sums, two_gathers};
    case Design::column_column: return {two_gathers, two_sums};
    default: return {one_sum, one_sum};
  }
}

}  // namespace shard
