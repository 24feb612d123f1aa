// What a block keeps on a rank for its backward pass, in bytes of f32: formulas, which chapters 13
// and 14 compare with what is kept.
#pragma once
#include <cstdint>

namespace shard {

//! [07-kept]
/// Of each of its rows: x, norm₁(x), u, norm₂(u), and two statistics for each norm.
inline int64_t kept_of_rows(int64_t rows, int64_t width) { return 4 * rows * (4 * width + 4); }

/// Inside FusedAttention and FusedMlp, where a rank has so many heads, of `columns` columns
/// together, and so many columns of the MLP: Q, K, V and the heads' output; the log-sum-exp of each
/// query and head; what is before GeLU.
inline int64_t kept_inside(int64_t tokens, int64_t columns, int64_t heads, int64_t hidden) {
  return 4 * tokens * (4 * columns + heads + hidden);
}
//! [07-kept]

}  // namespace shard
