#include "common/base/row_map.h"

#include <algorithm>

namespace shard {

RowMap::RowMap(int64_t context, std::vector<Range> ranges)
    : context_(context), ranges_(std::move(ranges)) {
  require(context > 0, "rows of sequences of ", context, " tokens");
}

RowMap RowMap::of_sequences(Range sequences, int64_t context) {
  return {context, {{sequences.begin * context, sequences.end * context}}};
}

int64_t RowMap::rows() const {
  int64_t sum = 0;
  for (const Range& range : ranges_) sum += range.size();
  return sum;
}

std::vector<int32_t> RowMap::positions() const {
  std::vector<int32_t> positions;
  positions.reserve(static_cast<size_t>(rows()));
  for (const Range& range : ranges_) {
    for (int64_t row = range.begin; row < range.end; ++row)
      positions.push_back(static_cast<int32_t>(row % context_));
  }
  return positions;
}

RowMap RowMap::part(int parts, int index) const {
  const Range mine = part_of(rows(), parts, index);
  RowMap part(context_, {});
  part.all_ = rows();
  int64_t first = 0;  // of the range, among these rows
  for (const Range& range : ranges_) {
    const int64_t begin = std::max(mine.begin - first, int64_t{0}),
                  end = std::min(mine.end - first, range.size());
    if (begin < end) part.ranges_.push_back({range.begin + begin, range.begin + end});
    first += range.size();
  }
  return part;
}

}  // namespace shard
