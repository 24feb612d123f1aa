// The data of the tests of collectives: whole numbers, so that sums are exact, which every rank can
// compute for every other.
#pragma once
#include "tests/test_support.h"

namespace shard {

inline std::vector<float> data_of(int64_t rank, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) values[static_cast<size_t>(i)] = element(rank, i);
  return values;
}

inline Tensor my_data(Shape shape) {
  return tensor(shape, data_of(world().rank(), shape.elements()));
}

inline std::vector<float> sum_of_all(int64_t count) {
  std::vector<float> sum(static_cast<size_t>(count), 0.0f);
  for (int rank = 0; rank < world().size(); ++rank) {
    for (int64_t i = 0; i < count; ++i) sum[static_cast<size_t>(i)] += element(rank, i);
  }
  return sum;
}

/// Rows first, first + 1, … of a matrix with `columns` columns, of all values.
inline std::vector<float> rows_of(const std::vector<float>& values, Range rows, int64_t columns) {
  return {values.begin() + rows.begin * columns, values.begin() + rows.end * columns};
}

// elements: 3.2 MB, not a multiple of the pieces of 1 MB
inline constexpr int64_t megabytes = 800'003;

}  // namespace shard
