#include "chapters/20_context_parallel/ring_traffic.h"

#include <numeric>

namespace shard {

RingTraffic forward_ring_traffic(std::span<const int64_t> kv_bytes, int rank) {
  const auto ranks = std::ssize(kv_bytes);
  const int64_t all = std::accumulate(kv_bytes.begin(), kv_bytes.end(), int64_t{0});
  const auto of = [&](int64_t owner) { return kv_bytes[static_cast<size_t>(owner % ranks)]; };
  return {.messages = ranks - 1, .sent = all - of(rank + 1), .received = all - of(rank)};
}

RingTraffic backward_ring_traffic(std::span<const int64_t> kv_bytes, int rank) {
  const auto ranks = std::ssize(kv_bytes);
  if (ranks == 1) return {};
  const int64_t all = std::accumulate(kv_bytes.begin(), kv_bytes.end(), int64_t{0});
  const RingTraffic again = forward_ring_traffic(kv_bytes, rank);
  return {.messages = again.messages + ranks,
          .sent = again.sent + all,
          .received = again.received + all};
}

}  // namespace shard
