// Logits of three sizes, for which exp behaves differently in f32.
#pragma once
#include <cmath>
#include <string>

#include "common/tensor/tensor.h"

namespace shard {

/// The logits of token i are around this value: in a third of the rows exp overflows in f32, in a
/// third it vanishes.
inline double level(int64_t token) { return token % 3 == 0 ? 0 : token % 3 == 1 ? 100 : -120; }

/// The levels at which losses are infinite or NaN, as in "100 or -120"; "" where none are, and
/// where some are at all levels, which is not the fault of exp.
inline std::string levels_not_finite(const Tensor& losses, int64_t tokens) {
  if (!losses || losses.elements() != tokens) return "";
  const std::vector<float> values = losses.to_host();
  std::string levels;
  int count = 0;
  for (const double each : {0.0, 100.0, -120.0}) {
    bool finite = true;
    for (int64_t i = 0; i < tokens; ++i)
      finite = finite && (level(i) != each || std::isfinite(values[static_cast<size_t>(i)]));
    if (!finite) levels += text(count++ == 0 ? "" : " or ", each);
  }
  return count < 3 ? levels : "";
}

}  // namespace shard
