// Attention on cut sequences against attention on whole ones.
#pragma once
#include "chapters/20_context_parallel/trial.h"

namespace shard::chapter_20 {

/// Output, log-sum-exp, dQ, dK and dV of each way and cut. Collective.
void check_attention(Runtime& runtime, Report& report, const Trial& trial);

}  // namespace shard::chapter_20
