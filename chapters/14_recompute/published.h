// What selective recomputation saves and costs for large models, by this chapter's formulas, beside
// what Korthikanti et al., arXiv:2205.05198, print.
#pragma once
#include "common/program/report.h"

namespace shard::chapter_14 {

/// Prints a table of two models. Checks that the formulas of costs.h agree with the closed ones.
void compare_with_published(Report& report);

}  // namespace shard::chapter_14
