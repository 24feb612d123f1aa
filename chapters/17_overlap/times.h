// What was measured beside what the model says, and how many chunks are best.
#pragma once
#include "chapters/17_overlap/measurement.h"

namespace shard::chapter_17 {

/// By MPI, and on a link of this speed. Collective.
void show_times(Runtime& runtime, Report& report, const TimingSizes& sizes,
                double bytes_per_second);
/// A table that others have published.
void show_published_times(Report& report);

}  // namespace shard::chapter_17
