// The worked example of chapter 01 as an MLP: Z = GeLU(X·A)·B, all matrices 4 × 4, A cut by columns
// and B by rows.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_05 {

/// Prints what each rank holds, and draws the picture if one was asked for. Collective.
void show_worked_example(Runtime& runtime, Report& report);

}  // namespace shard::chapter_05
