// Attention on cut sequences against attention on whole ones, and what it sends.
#pragma once
#include "chapters/20_context_parallel/trial.h"

namespace shard::chapter_20 {

/// Output, log-sum-exp, dQ, dK and dV of each way and cut. Collective.
void check_attention(Runtime& runtime, Report& report, const Trial& trial);

/// Calls and bytes of each way, forward and backward, against formulas. Collective.
void check_traffic(Runtime& runtime, Report& report, const Trial& trial);

}  // namespace shard::chapter_20
