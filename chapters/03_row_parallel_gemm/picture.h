// The picture of chapter 03: the worked example with A cut by rows.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_03 {

/// From X's columns and A's rows `part` on this rank. Collective.
void draw_row_parallel(Runtime& runtime, Report& report, Range part, const Tensor& x,
                       const Tensor& a);

}  // namespace shard::chapter_03
