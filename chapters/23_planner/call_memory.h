// CallMemory: where measured calls find their operands, and leave their results.
#pragma once
#include <deque>
#include <vector>

#include "common/base/random.h"
#include "common/tensor/ops.h"

namespace shard::chapter_23 {

/// Memory as in a training step, where hardly anything is in a core's own cache when it is needed:
/// a call reads the next part of many numbers, and its result stays for a while.
class CallMemory {
 public:
  CallMemory(Backend& backend, uint64_t seed) : read_(backend, {elements}), sums_(read_.clone()) {
    std::vector<float> values(elements);
    const RandomStream random{seed, stream_of("operands")};
    for (size_t i = 0; i < values.size(); ++i) values[i] = random.uniform(i) - 0.5f;
    read_.assign(values);
    fill(sums_, 0.0f);
  }
  Tensor next(const Shape& shape) { return next_of(read_, next_read_, shape); }
  /// To be added to.
  Tensor next_sum(const Shape& shape) { return next_of(sums_, next_sum_, shape); }
  void keep(const Tensor& result) {
    kept_.push_back(result);
    kept_bytes_ += result.bytes();
    for (; kept_bytes_ > 4 * elements; kept_.pop_front()) kept_bytes_ -= kept_.front().bytes();
  }

 private:
  static constexpr int64_t elements = 1 << 23;
  static Tensor next_of(const Tensor& all, int64_t& begin, const Shape& shape) {
    if (begin + shape.elements() > elements) begin = 0;
    const Range range{begin, begin + shape.elements()};
    begin = range.end;
    return all.slice(range).reshape(shape);
  }
  Tensor read_, sums_;
  int64_t next_read_ = 0, next_sum_ = 0, kept_bytes_ = 0;
  std::deque<Tensor> kept_;
};

}  // namespace shard::chapter_23
