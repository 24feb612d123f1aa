// Seconds since some fixed moment: for durations, deadlines and timelines.
#pragma once
#include <chrono>

namespace shard {

/// Seconds, from a clock that never goes back.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace shard
