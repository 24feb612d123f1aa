// The tiles in which attention is computed in bf16 on tensor cores (common/cuda/kernels,
// tiled_attention.cuh). They are as large as the registers of a thread and the shared memory of a
// block allow on every GPU that has bf16.
#pragma once

namespace shard {

/// A block of threads takes `rows` queries (for dK and dV: keys), and goes over the other side
/// `columns` at a time. Its 4 warps share the rows.
struct AttentionTiles {
  int rows = 0, columns = 0;
};

/// Of the forward pass, for heads of this width.
constexpr AttentionTiles forward_tiles(int width) {
  return {.rows = width <= 96 ? 128 : 64, .columns = width <= 64 ? 64 : 32};
}
/// Of dQ.
constexpr AttentionTiles query_gradient_tiles(int width) {
  return {.rows = width <= 96 ? 128 : 64, .columns = width <= 32 ? 64 : 32};
}
/// Of dK and dV: rows are keys, and columns queries.
constexpr AttentionTiles key_gradient_tiles(int width) {
  return {.rows = 64, .columns = width <= 64 ? 64 : 32};
}

}  // namespace shard
