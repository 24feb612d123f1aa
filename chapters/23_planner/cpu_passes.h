// What chapter 22's model does in the passes of a micro-batch on one rank, operation by operation:
// for a machine whose operations were measured one by one.
#pragma once
#include "chapters/18_pipeline/stage_cut.h"
#include "chapters/23_planner/step_time.h"

namespace shard::chapter_23 {

/// Adds up the seconds of operations, each kind in its part of the step.
class OperationSum {
 public:
  explicit OperationSum(const OperationCosts& costs) : costs_(costs) {}
  /// Products and attention, or passes over memory.
  void compute(const OperationWork& work);
  /// A collective along an axis of so many ranks; nothing for one.
  void communicate(double StepTime::*axis, int64_t ranks, Operation operation, int64_t bytes);
  const OperationCosts& costs() const { return costs_; }
  StepTime seconds;

 private:
  const OperationCosts& costs_;
};

/// Seconds of a part of the model for one micro-batch. The gradients of weights are apart, as zb-h1
/// computes them apart.
struct CpuPasses {
  OperationSum forward, input_gradients, weight_gradients;
  StepTime backward() const { return input_gradients.seconds + weight_gradients.seconds; }
};
CpuPasses passes_of(const ModelShape& model, const Layout& layout, const GptStage& part,
                    const OperationCosts& costs);

}  // namespace shard::chapter_23
