// The climb: every rung of the device's ladder checked, then timed, in GFLOP/s and in percent of
// the measured peak.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_01 {

/// Checks every rung against double precision, with sizes that are no whole number of blocks or
/// tiles.
void check_ladder(Runtime& runtime, Report& report);

/// Times [size × size] · [size × size]. Size 0: 512 on a CPU; on a GPU what keeps it busy, at most
/// 4096.
void climb_ladder(Runtime& runtime, Report& report, int64_t size);

}  // namespace shard::chapter_01
