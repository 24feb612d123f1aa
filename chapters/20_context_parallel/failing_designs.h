// Designs that fail, and by what they are recognised.
#pragma once
#include "chapters/20_context_parallel/trial.h"

namespace shard::chapter_20 {

/// In attention: the mean of the parts instead of their merge; D from a part of the output. In the
/// model: positions of the other cut; a mean of means; gradients of own tokens only. Collective.
void show_failing_designs(Runtime& runtime, Report& report, const Sizes& sizes);

}  // namespace shard::chapter_20
