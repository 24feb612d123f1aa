// The count behind Backend::launches().
#pragma once
#include <cstdint>

namespace shard {

/// Kernels and matrix products that this process has given to its GPU.
inline int64_t launched = 0;

}  // namespace shard
