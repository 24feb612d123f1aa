// expect: your buckets_started is all buckets with the last gradient
// ranks: 1
#include "exercises/09_data_parallel/3_bucket_order.h"

namespace shard {

Buckets assign_buckets(const std::vector<int64_t>& bytes, int64_t limit) {
  Buckets buckets;
  int64_t filled = 0;
  for (size_t i = bytes.size(); i-- > 0;) {
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
  std::vector<std::vector<int>> started(ready.size());
  for (size_t b = 0; b < buckets.size(); ++b) started.back().push_back(static_cast<int>(b));
  return started;
}

}  // namespace shard
