#include "chapters/10_tensor_and_data_parallel/training_step.h"

#include <algorithm>

namespace shard {

void StateTensor::for_each_run(const std::function<void(int64_t, int64_t, int64_t)>& visit) const {
  const Range mine = held.value_or(Range{0, shard.local().elements()});
  shard.for_each_run([&](int64_t local, int64_t whole, int64_t length) {
    const int64_t begin = std::max(local, mine.begin), end = std::min(local + length, mine.end);
    if (begin < end) visit(begin - mine.begin, whole + begin - local, end - begin);
  });
}

void StateTensor::assign(std::span<const float> of_shard) {
  require(std::ssize(of_shard) == shard.local().elements(), name, ": ", of_shard.size(),
          " values for a part of shape ", shard.local());
  const Range mine = held.value_or(Range{0, std::ssize(of_shard)});
  part.assign(of_shard.subspan(static_cast<size_t>(mine.begin), static_cast<size_t>(mine.size())));
}

Tensor whole_of(Communicator& all, const StateTensor& tensor) {
  const Shape& shape = tensor.shard.whole;
  std::vector<float> whole(static_cast<size_t>(shape.elements()), 0.0f);
  // every rank waits for its device here: none is more than one collective ahead
  const std::vector<float> part = tensor.part.to_host();
  if (tensor.writes) {
    tensor.for_each_run([&](int64_t begin, int64_t at, int64_t length) {
      std::copy_n(part.begin() + begin, length, whole.begin() + at);
    });
  }
  return all.all_reduce(
      PartialSum(Tensor::from(all.backend(), shape, std::span<const float>(whole))));
}

}  // namespace shard
