// Published numbers of ring attention beside their formulas.
#pragma once
#include "common/program/report.h"

namespace shard::chapter_20 {

/// c/(2c-1) beside what ring-flash-attention and pith-train have measured.
void show_published_efficiency(Report& report);

/// How long a chunk must be for attention to hide the next keys and values, by Liu et al.,
/// arXiv:2310.01889, section 3 and table 2.
void show_hiding(Report& report);

}  // namespace shard::chapter_20
