// The all-reduce of dX while dA is computed, against one after the other.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_04 {

struct OverlapSizes {
  int64_t tokens = 256, width = 512;  // X [tokens × width], A [width × 4·width]
  int64_t repeat = 9;                 // measurements
};

/// Checks the order of the steps in ColumnParallelLinear::backward, and measures what it gains.
/// Collective.
void show_overlap(Runtime& runtime, Report& report, const OverlapSizes& sizes);

}  // namespace shard::chapter_04
