// Seconds since a fixed point in time: for durations, deadlines and timelines.
#pragma once
#include <chrono>

namespace shard {

/// Seconds, from a monotonic clock.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace shard
