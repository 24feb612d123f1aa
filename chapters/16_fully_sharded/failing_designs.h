// Accumulation and hybrid sharding, and designs that look right.
#pragma once
#include "chapters/16_fully_sharded/trial.h"

namespace shard::chapter_16 {

/// Micro-batches with weights that all ranks share, and that some share. Collective.
void show_accumulation(const Setup& setup);
/// Runs designs that cost more than they must, or are wrong, and prints how far off they are.
/// Collective.
void show_failing_designs(const Setup& setup);

}  // namespace shard::chapter_16
