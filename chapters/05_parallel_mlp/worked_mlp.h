// The worked example of chapter 01 as an MLP: Z = GeLU(X·A)·B, 4 × 4 all, with A cut by columns and
// B by rows.
#pragma once
#include "common/program/runtime.h"

namespace shard {

/// What each rank holds, in numbers: in characters, and in the picture if one was asked for.
/// Collective.
void show_worked_example(Runtime& runtime, Report& report);

}  // namespace shard
