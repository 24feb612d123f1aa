// The parameters of a part of the model, as a rank has them, in the order of the forward pass: what
// BasicGpt::parameters() lists (chapters 10, 21 and 22), by size and kind.
#pragma once
#include "chapters/18_pipeline/stage_cut.h"
#include "chapters/22_the_whole_grid/gradient_table.h"
#include "chapters/23_planner/layout.h"

namespace shard::chapter_23 {

using chapter_22::Kind;

struct ParameterSize {
  Kind kind;
  int64_t elements = 0;  // of this rank, padding included
};
using ParameterSizes = std::vector<ParameterSize>;

/// A rank's place among those that share out a layer: number `tp` of `tp_ranks`, and of the ranks
/// that share out experts number `ep` of `ep_ranks`.
struct LayerPlace {
  int tp_ranks = 1, tp = 0, ep_ranks = 1, ep = 0;
};

ParameterSizes parameters_of_block(const ModelShape& model, const LayerPlace& place);
ParameterSizes parameters_of_part(const ModelShape& model, const GptStage& part,
                                  const LayerPlace& place);
int64_t elements_of(const ParameterSizes& parameters);

}  // namespace shard::chapter_23
