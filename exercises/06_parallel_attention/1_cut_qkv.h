#pragma once
#include <span>
#include <vector>

#include "common/base/partition.h"

namespace shard {

/// One rank's part of the fused matrix and its bias, in chapter 06's order: its heads' columns of
/// Q, then of K, then of V.
struct QkvPart {
  std::vector<float> weight;  // [width × 3·width/t], row-major
  std::vector<float> bias;    // [3·width/t]
};

/// weight [width × 3·width] and bias [3·width], whole, as stored in the checkpoint: q, k and v of
/// head 0, then q, k and v of head 1, …, each of width/heads columns. Returns the part of rank
/// `rank` of `ranks`: its heads/ranks heads, from head rank·heads/ranks on. Throws UsageError
/// (common/base/error.h) naming both numbers if `ranks` does not divide `heads`.
QkvPart cut_qkv(std::span<const float> weight, std::span<const float> bias, int64_t width,
                int64_t heads, int ranks, int rank);

}  // namespace shard
