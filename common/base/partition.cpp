#include "common/base/partition.h"

#include <algorithm>

namespace shard {

Range part_of(int64_t whole, int parts, int index) {
  require(whole >= 0 && parts > 0 && index >= 0 && index < parts, "there is no part ", index,
          " of ", parts, " parts of ", whole);
  const int64_t size = whole / parts, longer = whole % parts;
  const int64_t begin = index * size + std::min<int64_t>(index, longer);
  return {begin, begin + size + (index < longer ? 1 : 0)};
}

std::vector<int64_t> part_sizes(int64_t whole, int parts) {
  std::vector<int64_t> sizes;
  for (int index = 0; index < parts; ++index) sizes.push_back(part_of(whole, parts, index).size());
  return sizes;
}

Shard Shard::all(Shape whole) { return {whole, {{0, whole.rows()}}, {{0, whole.columns()}}}; }

Shard Shard::of_rows(Shape whole, Range range) { return {whole, {range}, {{0, whole.columns()}}}; }

Shard Shard::of_columns(Shape whole, std::vector<Range> ranges) {
  return {whole, {{0, whole.rows()}}, std::move(ranges)};
}

static int64_t total(const std::vector<Range>& ranges) {
  int64_t sum = 0;
  for (const Range& range : ranges) sum += range.size();
  return sum;
}

Shape Shard::local() const {
  return whole.rank() == 1 ? Shape{total(columns)} : Shape{total(rows), total(columns)};
}

bool Shard::is_everything() const { return *this == all(whole); }

void Shard::for_each_run(const std::function<void(int64_t, int64_t, int64_t)>& visit) const {
  const int64_t width = whole.columns(), height = whole.rows();
  int64_t local_begin = 0;
  for (const Range& some_rows : rows) {
    for (int64_t row = some_rows.begin; row < some_rows.end; ++row) {
      for (const Range& some_columns : columns) {
        const int64_t length = std::min(some_columns.end, width) - some_columns.begin;
        if (row < height && length > 0)
          visit(local_begin, row * width + some_columns.begin, length);
        local_begin += some_columns.size();
      }
    }
  }
}

std::vector<float> Shard::cut(std::span<const float> whole_values) const {
  require(std::ssize(whole_values) == whole.elements(), "a whole of shape ", whole, " was given ",
          whole_values.size(), " values");
  std::vector<float> part(local().elements(), 0.0f);
  for_each_run([&](int64_t local_begin, int64_t whole_begin, int64_t length) {
    std::copy_n(whole_values.begin() + whole_begin, length, part.begin() + local_begin);
  });
  return part;
}

void Shard::paste(std::span<const float> local_values, std::span<float> whole_values) const {
  require(std::ssize(local_values) == local().elements() &&
              std::ssize(whole_values) == whole.elements(),
          "a part of shape ", local(), " of a whole ", whole, " was given ", local_values.size(),
          " and ", whole_values.size(), " values");
  for_each_run([&](int64_t local_begin, int64_t whole_begin, int64_t length) {
    std::copy_n(local_values.begin() + local_begin, length, whole_values.begin() + whole_begin);
  });
}

}  // namespace shard
