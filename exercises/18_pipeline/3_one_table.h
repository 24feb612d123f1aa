#pragma once
#include <memory>

#include "common/comm/grid.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The gradients of a stage after its last backward pass, of this rank's sequences only.
struct StageGradients {
  Tensor own;    // [elements], of the parameters that only this stage has
  Tensor table;  // [rows × width], of the table, on the first and the last stage; empty elsewhere
};

/// The group of the stages that have the table: the first and the last of the axis "pp". nullptr on
/// the stages between, and where one stage is both. Collective over the grid.
std::unique_ptr<Communicator> stages_with_table(Grid& grid);

/// On these stages, once before training: the table of all of them becomes the first stage's.
void start_alike(Communicator* with_table, Tensor& table);

/// Sums the gradients, in place, over all that have computed a term of them. Returns the norm of
/// the whole model's gradient, the same on every rank. Collective over the grid.
double sum_gradients(Grid& grid, Communicator* with_table, StageGradients& gradients);

}  // namespace shard
