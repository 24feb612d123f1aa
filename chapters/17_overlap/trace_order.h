// The order of products and transfers, from the trace.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_17 {

/// Records a gathered and a scattered product in chunks, by MPI and on an emulated link, checks
/// that products run between the start of each transfer and the wait for it, and draws the timeline
/// on the link. Collective.
void check_trace(Runtime& runtime, Report& report, int chunks);

}  // namespace shard::chapter_17
