// right: it adds up the columns of each collective, and counts the columns of a part itself
#include "exercises/05_parallel_mlp/3_count_costs.h"

namespace shard {
namespace {

int64_t columns_here(int64_t columns, int ranks, int rank) {
  int64_t count = 0;
  for (int64_t column = rank; column < columns; column += ranks) ++count;
  return count;
}

void add(Cost& cost, int64_t tokens, int64_t columns) {
  cost.bytes += static_cast<int64_t>(sizeof(float)) * tokens * columns;
  ++cost.calls;
}

}  // namespace

Costs costs_of(Design design, const MlpSizes& sizes, int ranks, int rank) {
  Cost sums{Collective::all_reduce}, gathers{Collective::all_gather};
  add(sums, sizes.tokens, sizes.width);
  if (design == Design::column_row) return {sums, sums};
  add(sums, sizes.tokens, sizes.hidden);
  for (const int64_t columns : {sizes.width, sizes.hidden})
    add(gathers, sizes.tokens, columns_here(columns, ranks, rank));
  return design == Design::row_row ? Costs{sums, gathers} : Costs{gathers, sums};
}

}  // namespace shard
