// expect: your bucket 2, the last, is empty: the one before it was closed when it was full
// ranks: 1
#include <algorithm>

#include "exercises/09_data_parallel/3_bucket_order.h"

namespace shard {

Buckets assign_buckets(const std::vector<int64_t>& bytes, int64_t limit) {
  Buckets buckets;
  std::vector<int> open;
  int64_t filled = 0;
  const auto close = [&] {
    buckets.push_back(open);
    open.clear();
    filled = 0;
  };
  for (size_t i = bytes.size(); i-- > 0;) {
    if (!open.empty() && filled + bytes[i] > limit) close();
    open.push_back(static_cast<int>(i));
    filled += bytes[i];
    if (filled == limit) close();
  }
  close();
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
