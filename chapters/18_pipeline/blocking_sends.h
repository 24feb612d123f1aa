// A design that fails: 1F1B with blocking sends and receives. A stage receives what a step needs,
// computes the step, and sends its result before it goes on.
#pragma once
#include "chapters/18_pipeline/trial.h"

namespace shard::chapter_18 {

/// What the stages wait for if a send returns only when its receiver has begun to receive: "stage 0
/// sends the result of F1 to stage 1; stage 1 sends …"; "" if the schedule ends.
std::string standstill_of_blocking(const Schedule& schedule);

/// Really executes 1F1B that way. With --synchronous-sends it comes to a standstill, and throws.
/// Collective.
void run_blocking(Runtime& runtime, Report& report, const Settings& settings);

}  // namespace shard::chapter_18
