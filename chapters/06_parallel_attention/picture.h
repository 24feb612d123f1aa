// The pictures of chapter 06: how the fused QKV matrix and the projection are cut, and the tiles of
// attention as one operation on a GPU.
#pragma once
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "common/program/runtime.h"

namespace shard::chapter_06 {

/// From the shards of `layer`, whose X has `width` columns. Collective.
void draw_qkv_cut(Runtime& runtime, Report& report, ParallelAttention& layer, int64_t width);

/// From the tile sizes of the GPU's kernels, on any device.
void draw_tiles(Report& report);

}  // namespace shard::chapter_06
