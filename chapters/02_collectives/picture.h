// The picture of chapter 02: every step of a ring all-reduce, with what each rank holds after it.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_02 {

/// The ring of a larger group would be too large a picture.
constexpr int most_ranks_in_picture = 8;

/// Runs a ring all-reduce on vectors of one number a rank. Collective.
void draw_ring(Runtime& runtime, Report& report);

}  // namespace shard::chapter_02
