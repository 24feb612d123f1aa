// A maximum in vector instructions: the compiler uses them for sums, but not for a maximum in which
// NaN must keep its meaning.
#pragma once
#include <cmath>
#include <cstdint>

namespace shard {

/// The largest of values[0] … values[count-1], -∞ of none. NaN is ignored.
inline float largest(const float* values, int64_t count) {
  constexpr int64_t lanes = 16;
  float of_lane[lanes], result = -INFINITY;
  for (float& lane : of_lane) lane = -INFINITY;
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (int64_t lane = 0; lane < lanes; ++lane)
      of_lane[lane] = of_lane[lane] < values[i + lane] ? values[i + lane] : of_lane[lane];
  }
  for (float lane : of_lane) result = result < lane ? lane : result;
  for (; i < count; ++i) result = result < values[i] ? values[i] : result;
  return result;
}

}  // namespace shard
