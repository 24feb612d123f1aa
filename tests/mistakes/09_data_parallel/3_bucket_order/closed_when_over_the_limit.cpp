// expect: your bucket 1 is {7, 6, 5}, 290 bytes, but the limit is 100: before parameter 5 was added it held 90
// ranks: 1
#include "exercises/09_data_parallel/3_bucket_order.h"

namespace shard {

Buckets assign_buckets(const std::vector<int64_t>& bytes, int64_t limit) {
  Buckets buckets;
  int64_t filled = 0;
  for (size_t i = bytes.size(); i-- > 0;) {
    if (buckets.empty() || filled >= limit) {
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
  std::vector<size_t> bucket_of(ready.size()), missing;
  for (size_t b = 0; b < buckets.size(); ++b) {
    missing.push_back(buckets[b].size());
    for (int parameter : buckets[b]) bucket_of[static_cast<size_t>(parameter)] = b;
  }
  std::vector<std::vector<int>> started;
  size_t next = 0;
  for (int parameter : ready) {
    --missing[bucket_of[static_cast<size_t>(parameter)]];
    started.emplace_back();
    while (next < buckets.size() && missing[next] == 0)
      started.back().push_back(static_cast<int>(next++));
  }
  return started;
}

}  // namespace shard
