// The recipe (chapter 10) of a training with any of the switches: which model it has, and which
// parts its steps.
#pragma once
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/22_the_whole_grid/switches.h"

namespace shard::chapter_22 {

/// The model throws UsageError where it must keep more than switches.memory allows. `say` is told
/// once how many blocks are recomputed. `training` must outlive what is made.
Recipe recipe_of(const Switches& switches, const TrainingSettings& training,
                 const std::function<void(const std::string&)>& say = nullptr);

}  // namespace shard::chapter_22
