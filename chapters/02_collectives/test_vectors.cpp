#include "chapters/02_collectives/test_vectors.h"

#include <algorithm>
#include <functional>

#include "common/base/random.h"

namespace shard::chapter_02 {

std::vector<float> values_of(int rank, int64_t count) {
  std::vector<float> values;
  for (int64_t i = 1; i <= count; ++i) values.push_back(static_cast<float>(10 * rank + i));
  return values;
}

std::vector<float> sum_of_values(int ranks, int64_t count, int first, int step) {
  std::vector<float> sum(static_cast<size_t>(count));
  for (int rank = first; rank < ranks; rank += step) {
    std::ranges::transform(sum, values_of(rank, count), sum.begin(), std::plus());
  }
  return sum;
}

std::string drawn(std::span<const float> values, int64_t marked) {
  std::string out = "[";
  for (int64_t i = 0; i < std::ssize(values); ++i) {
    const std::string number = (i == marked ? ">" : "") + text(values[static_cast<size_t>(i)]);
    out += std::string(std::max<size_t>(4, number.size() + 1) - number.size(), ' ') + number;
  }
  return out + " ]";
}

std::vector<float> random_values(uint64_t seed, int rank, int64_t count, bool whole) {
  const RandomStream random{seed, stream_of("ring", static_cast<uint64_t>(rank))};
  std::vector<float> values;
  for (uint64_t i = 0; i < static_cast<uint64_t>(count); ++i) {
    values.push_back(whole ? static_cast<float>(random.below(2001, i)) - 1000.0f
                           : random.normal(i));
  }
  return values;
}

Tensor to_tensor(Communicator& group, std::span<const float> values) {
  return Tensor::from(group.backend(), {std::ssize(values)}, values);
}

}  // namespace shard::chapter_02
