// What ring attention sends: a formula, which the program compares with the ledger.
#pragma once
#include <cstdint>
#include <span>

namespace shard {

/// The messages that a rank sends in one pass of a layer, which are as many as it receives, and
/// their bytes.
struct RingTraffic {
  int64_t messages = 0, sent = 0, received = 0;
};

/// Where each rank has keys and values of so many bytes. Forward, those of every rank but the next
/// are passed on, and those of every other rank arrive.
RingTraffic forward_ring_traffic(std::span<const int64_t> kv_bytes, int rank);
/// Backward the same once more, and the gradients of every rank's are passed on, and arrive.
RingTraffic backward_ring_traffic(std::span<const int64_t> kv_bytes, int rank);

}  // namespace shard
