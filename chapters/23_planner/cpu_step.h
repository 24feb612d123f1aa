// The time of chapter 22's training step on ranks whose operations --calibrate has measured.
#pragma once
#include "chapters/23_planner/step_time.h"

namespace shard::chapter_23 {

/// step_time() of such a cluster. Nothing is hidden: while MPI moves data and adds it up, a core
/// does nothing else. A pipeline is replayed step by step (chapter 18's replay), on stages as
/// chapter 22 cuts them. Throws UsageError for a model with experts, which are not measured.
StepTime cpu_step_time(const ModelShape& model, const Layout& layout, int64_t batch,
                       const OperationCosts& costs);

}  // namespace shard::chapter_23
