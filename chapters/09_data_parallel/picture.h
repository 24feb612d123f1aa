// The picture of chapter 09: when each bucket is reduced, and what the rank computes meanwhile.
#pragma once
#include "chapters/09_data_parallel/data_parallel.h"
#include "common/program/runtime.h"

namespace shard::chapter_09 {

/// The buckets' last reductions, in a pass that has been recorded (trace.h) since this rank's
/// `start`: rank 0's in characters, and all ranks' in the picture if one was asked for. Collective.
void show_bucket_timeline(Runtime& runtime, Report& report, const DataParallel& data_parallel,
                          double start);

}  // namespace shard::chapter_09
