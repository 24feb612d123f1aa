// The picture of this chapter: a flat bucket, its parameters and its ranges.
#pragma once
#include "chapters/15_sharded_optimizer/flat_bucket.h"
#include "common/program/report.h"

namespace shard::chapter_15 {

void draw_ranges(Report& report, const FlatBucket& bucket);

}  // namespace shard::chapter_15
