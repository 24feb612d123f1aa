// Designs that give wrong gradients, or come to a standstill.
#pragma once
#include "chapters/19_interleaved_pipeline/training.h"

namespace shard::chapter_19 {

/// The chunks of a stage follow each other in the model, as if stages were not interleaved.
/// Collective, as is the next.
void show_chunk_order(Runtime& runtime, Report& report, const Settings& settings);
/// Weights' gradients that stay in the queue, or are reduced before they leave it.
void show_lost_weights(Runtime& runtime, Report& report, const Settings& settings);
/// Lists for which the last stage waits forever: too short a warm-up, too small a group.
void show_standstills(Report& report);

}  // namespace shard::chapter_19
