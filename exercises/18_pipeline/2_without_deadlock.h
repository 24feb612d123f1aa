#pragma once
#include <functional>

#include "chapters/18_pipeline/schedule.h"
#include "common/comm/communicator.h"

namespace shard {

/// Computes a step with its input, and returns the result: the output of a forward pass, the
/// gradient of the stage's input of a backward pass.
using ComputeStep = std::function<Tensor(const Step& step, const Tensor& input)>;

/// Executes `steps`, forward and backward passes of a stage, in their order. Stage `pp.rank()` gets
/// the input of a forward pass from the stage before, and that of a backward pass from the stage
/// after it, and sends its results to the stages that take them. At the model's ends there is no
/// input (an empty Tensor), and nobody takes the result. All messages have the shape `shape`, f32.
void run_stage(Communicator& pp, const Steps& steps, const Shape& shape,
               const ComputeStep& compute);

}  // namespace shard
