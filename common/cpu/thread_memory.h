// thread_memory: what an op needs for the moment, without an allocation in each call.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace shard {

/// Memory for `count` numbers, kept between calls: this thread's own, one for each type `Use`.
template <class Use>
float* thread_memory(int64_t count) {
  static thread_local std::vector<float> memory;
  memory.resize(std::max(memory.size(), static_cast<size_t>(count)));
  return memory.data();
}

}  // namespace shard
