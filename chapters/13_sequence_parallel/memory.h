// What a block keeps for its backward pass: counted here, and by the formulas of Korthikanti et
// al., arXiv:2205.05198, table 2.
#pragma once
#include "chapters/13_sequence_parallel/trial.h"

namespace shard::chapter_13 {

/// Counts the bytes that each design keeps, and compares them with the formula. Collective.
void check_bytes_kept(Runtime& runtime, Report& report, Trial& trial);

/// Table 2 of the paper for its models, and figure 7: percent of tensor parallelism.
void show_table_2(Report& report);

}  // namespace shard::chapter_13
