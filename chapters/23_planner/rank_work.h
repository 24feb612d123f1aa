// RankWork: one rank of a layout, and its part of a micro-batch, for the exact counts: what chapter
// 22's recipe makes of these sizes in f32 on a CPU, to the byte.
#pragma once
#include "chapters/14_recompute/model_costs.h"
#include "chapters/21_experts/costs.h"
#include "chapters/23_planner/parameter_list.h"

namespace shard::chapter_23 {

/// The model in as many parts as all stages have chunks, as chapter 18 cuts it.
std::vector<GptStage> parts_of_model(const ModelShape& model, const Layout& layout);

struct RankWork {
  ModelShape model;
  Layout layout;
  int64_t micro_batches = 1;  // of a step
  GridLayout grid;
  int rank = 0;  // of the grid

  /// A rank of a layout that problem_of() accepts; batch: sequences of a step.
  RankWork(const ModelShape& the_model, const Layout& the_layout, int64_t batch, int the_rank);

  int ranks(const char* axis) const { return grid.size(axis); }
  int at(const char* axis) const { return grid.coordinate(rank, axis); }
  /// How many ranks have other tokens of the batch, and this rank's number among them.
  int data_ranks() const { return ranks("cp") * ranks("dp"); }
  int data_rank() const { return at("cp") + ranks("cp") * at("dp"); }

  /// This stage's parts of the model: one for each chunk.
  std::vector<GptStage> parts() const;
  LayerPlace place() const;
  ParameterSizes parameters() const;  // of all parts
  /// Whether ranks of other axes have terms of the gradient of such a parameter, too.
  bool is_partial(const ParameterSize& parameter) const;

  bool recomputes() const { return layout.recompute == Recompute::full; }
  int64_t recomputed_in(const GptStage& part) const {
    return recomputes() ? part.layers.size() : 0;
  }
  /// A part's work in one micro-batch. With experts as if every rank's had equally many rows: exact
  /// for one ep rank, and for the sum over the ranks.
  ModelWork work_of(const GptStage& part) const;
  ExpertWork expert_work() const;  // of one layer
};

/// Operations of the rank's products in a step, as its device counts them: attention causal, and
/// fused (chapter 06); a recomputed block without its last product.
int64_t flops_of_step(const RankWork& work);

}  // namespace shard::chapter_23
