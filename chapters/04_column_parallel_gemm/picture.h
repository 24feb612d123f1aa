// The picture of chapter 04: the worked example with A cut by columns.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_04 {

/// All of X, A's columns `part` on this rank, and the same columns of Y. Collective.
void draw_column_parallel(Runtime& runtime, Report& report, Range part, const Tensor& x,
                          const Tensor& a, const Tensor& columns);

}  // namespace shard::chapter_04
