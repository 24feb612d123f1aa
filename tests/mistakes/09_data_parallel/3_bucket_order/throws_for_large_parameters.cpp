// expect: exercise 09.3, assign_buckets, t = 1: an exception where none is asked for: a parameter of 200 bytes does not fit
// ranks: 1
#include <algorithm>
#include <stdexcept>
#include <string>

#include "exercises/09_data_parallel/3_bucket_order.h"

namespace shard {

Buckets assign_buckets(const std::vector<int64_t>& bytes, int64_t limit) {
  Buckets buckets;
  int64_t filled = 0;  // bytes of the last bucket
  for (size_t i = bytes.size(); i-- > 0;) {
    if (bytes[i] > limit)
      throw std::length_error("a parameter of " + std::to_string(bytes[i]) + " bytes does not fit");
    if (buckets.empty() || filled + bytes[i] > limit) {
      buckets.emplace_back();
      filled = 0;
    }
    buckets.back().push_back(static_cast<int>(i));
    filled += bytes[i];
  }
  return buckets;
}

std::vector<std::vector<int>> buckets_started(const Buckets& buckets,
                                              const std::vector<int>& ready) {
  std::vector<std::vector<int>> started;
  std::vector<bool> is_ready(ready.size());
  size_t next = 0;  // the bucket that starts next, as soon as it is complete
  const auto here = [&](int parameter) -> bool { return is_ready[static_cast<size_t>(parameter)]; };
  for (int parameter : ready) {
    is_ready[static_cast<size_t>(parameter)] = true;
    started.emplace_back();
    while (next < buckets.size() && std::ranges::all_of(buckets[next], here)) {
      started.back().push_back(static_cast<int>(next++));
    }
  }
  return started;
}

}  // namespace shard
