// expect: your buckets_started is right for one rank on its own: a bucket starts when it is complete, although an earlier one has not started
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
  std::vector<size_t> missing;
  for (const auto& bucket : buckets) missing.push_back(bucket.size());
  std::vector<std::vector<int>> started;
  for (int parameter : ready) {
    started.emplace_back();
    for (size_t b = 0; b < buckets.size(); ++b) {
      for (int member : buckets[b]) {
        if (member == parameter && --missing[b] == 0) started.back().push_back(static_cast<int>(b));
      }
    }
  }
  return started;
}

}  // namespace shard
