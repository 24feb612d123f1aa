// A picture of both cuts: who has which chunks, and who computes which scores in which step.
#pragma once
#include "chapters/20_context_parallel/trial.h"

namespace shard::chapter_20 {

/// For --picture; of the cuts' own arithmetic, for a ring of all ranks.
void draw_work(Runtime& runtime, Report& report, int64_t context);

}  // namespace shard::chapter_20
