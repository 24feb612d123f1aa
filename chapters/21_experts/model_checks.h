// A GPT with experts in chapter 10's trainer.
#pragma once
#include "chapters/21_experts/trial.h"

namespace shard::chapter_21 {

/// Losses, gradients and norms of some steps in every layout against the unsplit model. Collective.
void check_model(Runtime& runtime, Report& report, int64_t layers);

}  // namespace shard::chapter_21
