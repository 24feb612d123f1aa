// --check: the published tables, our predictions, and whether the goals are reached.
#pragma once
#include "common/program/report.h"

namespace shard::chapter_23 {

/// Prints every published step with its prediction and its assumptions, and the score of each table
/// beside its goal; checks the goals, and that the constants of clusters/ are those of the fit. A
/// goal that is missed is explained in a line, and is not checked. Draws the errors, if told.
/// Throws UsageError for a file of this chapter that cannot be read.
void check_published_steps(Report& report, bool draws = false);

}  // namespace shard::chapter_23
