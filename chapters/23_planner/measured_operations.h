// What --calibrate measures: calls of the operations of a training step, of many sizes.
#pragma once
#include <functional>
#include <vector>

#include "chapters/23_planner/operation_costs.h"
#include "common/program/runtime.h"

namespace shard::chapter_23 {

struct MeasuredCall {
  Sample sample;  // without its seconds
  std::function<void()> call;
};

/// Of sizes that models of width 128 to 512 have, on one rank or on two. With one rank there are
/// no collectives. The tensors that they work on live as long as the calls.
std::vector<MeasuredCall> measured_calls(Runtime& runtime);

}  // namespace shard::chapter_23
