// Who computes how many scores.
#pragma once
#include "chapters/20_context_parallel/trial.h"

namespace shard::chapter_20 {

/// Shows both cuts: each rank's tokens, and the scores that it computes in each step of a ring;
/// checks them against formulas and against the operations that attention has counted. Collective.
void check_work(Runtime& runtime, Report& report, const Trial& trial);

/// The share of the time in which ranks compute, if the slowest decides: all scores / (ranks · most
/// of one rank), for one head of one sequence.
double efficiency(const SequenceCut& cut, int64_t context);

}  // namespace shard::chapter_20
