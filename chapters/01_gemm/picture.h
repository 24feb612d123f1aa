// The picture of chapter 01: the worked example, and how its X lies in memory.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_01 {

void draw_worked_example(Runtime& runtime, Report& report);

}  // namespace shard::chapter_01
