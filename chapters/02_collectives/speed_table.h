// The ring all-reduce against the library's: times, bus bandwidths, and the line that each of them
// follows.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_02 {

/// Measures vectors of 4 KiB to `max_bytes`, prints the tables, and checks that both sums are the
/// same. Collective.
void show_speed(Runtime& runtime, Report& report, int64_t max_bytes);

}  // namespace shard::chapter_02
