// expect: you refuse 5 heads on 2 ranks, as you must, but by another type of exception than UsageError, which require_usage() throws: 5 heads
#include "exercises/06_parallel_attention/1_cut_qkv.h"

namespace shard {

QkvPart cut_qkv(std::span<const float> weight, std::span<const float> bias, int64_t width,
                int64_t heads, int ranks, int rank) {
  require(heads % ranks == 0, heads, " heads cannot be divided evenly among ", ranks, " ranks");
  const int64_t head_width = width / heads;
  const Range mine = part_of(heads, ranks, rank);
  std::vector<Range> columns;
  for (int64_t matrix = 0; matrix < 3; ++matrix) {  // q, k, v
    for (int64_t head = mine.begin; head < mine.end; ++head) {
      const int64_t first = (3 * head + matrix) * head_width;
      columns.push_back({first, first + head_width});
    }
  }
  return {Shard::of_columns({width, 3 * width}, columns).cut(weight),
          Shard::of_columns({3 * width}, columns).cut(bias)};
}

}  // namespace shard
