// The memory of large models as it was published, beside ours and Calculon's.
#pragma once
#include "common/program/report.h"

namespace shard::chapter_23 {

/// Korthikanti et al., arXiv:2205.05198, figures 1 and 7; Isaev et al., "Calculon", SC23,
/// doi:10.1145/3581784.3607102, and the validation in its repository. Checks that figure 1 is
/// exact, that figure 7 is within 0.2 points, and that two choices explain Calculon's difference.
void check_published_memory(Report& report);

}  // namespace shard::chapter_23
