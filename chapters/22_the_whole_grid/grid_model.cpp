#include "chapters/22_the_whole_grid/grid_model.h"

#include <utility>

#include "chapters/18_pipeline/pipelined_model.h"
#include "chapters/18_pipeline/stage_cut.h"
#include "chapters/20_context_parallel/context_parallel_attention.h"
#include "chapters/20_context_parallel/ring_attention.h"
#include "chapters/21_experts/expert_gpt.h"
#include "chapters/22_the_whole_grid/blocks_that_fit.h"
#include "chapters/22_the_whole_grid/cut_part.h"

namespace shard::chapter_22 {
namespace {

using Inside = std::shared_ptr<const ContextAttention>;

/// Half(tp, arguments …), within chapter 13's gathers if the rows are cut.
template <bool rows_are_cut, class Half, class... Arguments>
auto half_of(Communicator& tp, const Arguments&... arguments) {
  if constexpr (rows_are_cut)
    return SequenceParallel<Half>(Gathered::again, tp, arguments...);
  else
    return Half(tp, arguments...);
}

//! [22-blocks]
/// A model of blocks with this attention and this MLP.
template <class Attention, class Mlp, bool rows_are_cut>
class GridModel {
 public:
  using Block = Recomputed<std::conditional_t<rows_are_cut, SequenceParallelBlock<Attention, Mlp>,
                                              BasicBlock<Attention, Mlp>>>;

  GridModel(Grid& grid, const ModelPlan& plan, Inside inside)
      : grid_(grid), plan_(plan), inside_(std::move(inside)) {
    if (rows_are_cut) rows_ = std::make_shared<const CutRows>(grid.tp());
  }

  std::unique_ptr<BasicGpt<Block>> whole() const {
    auto model = std::make_unique<BasicGpt<Block>>(grid_.tp(), plan_.sizes, plan_.init,
                                                   GptStage{.layers = {0, plan_.sizes.layers}},
                                                   make_block(), rows_);
    choose_recomputed(*model);
    return model;
  }

  /// In parts, of which this rank has those of its stage.
  std::unique_ptr<PipelinedModel> in_parts() const {
    Communicator& pp = grid_.group({"pp"});
    const auto chunks = static_cast<int>(plan_.switches.chunks);
    const auto stages =
        cut_into_parts(plan_.sizes.layers, pp.size() * chunks, end_costs(plan_.sizes));
    std::vector<std::unique_ptr<PipelinePart>> parts;
    for (int chunk = 0; chunk < chunks; ++chunk) {
      auto part = std::make_unique<GptPart<Block>>(
          grid_.tp(), plan_.sizes, plan_.init,
          stages[static_cast<size_t>(chunk * pp.size() + pp.rank())], make_block(), rows_);
      choose_recomputed(part->gpt);
      for (Parameter* parameter : part->parameters())
        if (parameter->is_partial_over("dp")) parameter->partial_over.push_back("cp");
      if (inside_)
        parts.push_back(std::make_unique<CutPart>(inside_, std::move(part)));
      else
        parts.push_back(std::move(part));
    }
    return std::make_unique<PipelinedModel>(pp, plan_.sizes, std::move(parts));
  }

 private:
  typename BasicGpt<Block>::MakeBlock make_block() const {
    return [&grid = grid_, s = plan_.sizes, init = plan_.init, inside = inside_,
            experts = expert_settings(plan_.switches)](const std::string& name, float projection) {
      Communicator& tp = grid.tp();
      const auto attention = [&](const std::string& place) {
        if constexpr (std::same_as<Attention, ContextParallelAttention>)
          return half_of<rows_are_cut, Attention>(tp, place, s.width, s.heads, init, projection,
                                                  inside);
        else
          return half_of<rows_are_cut, Attention>(tp, place, s.width, s.heads, init, projection);
      };
      const auto mlp = [&](const std::string& place) {
        if constexpr (std::same_as<Mlp, ExpertMlp>)
          return ExpertMlp(expert_groups(grid), place, s.width, 4 * s.width, experts, init,
                           projection);
        else
          return half_of<rows_are_cut, Mlp>(tp, place, s.width, 4 * s.width, init, projection);
      };
      return std::make_unique<Block>(tp, name, s.width, init, attention, mlp);
    };
  }

  static ExpertSettings expert_settings(const Switches& switches) {
    return {.router = {.experts = switches.experts, .chosen = switches.top_k}};
  }

  void choose_recomputed(BasicGpt<Block>& model) const {
    for (size_t i = 0; i < model.blocks.size(); ++i)
      model.blocks[i]->recomputes =
          model.stage().layers.begin + static_cast<int64_t>(i) < plan_.recomputed;
  }

  Grid& grid_;
  ModelPlan plan_;
  Inside inside_;
  std::shared_ptr<const BlockRows> rows_;
};
//! [22-blocks]

template <class Attention, class Mlp, bool rows_are_cut>
std::unique_ptr<LanguageModel> model_with(Grid& grid, const ModelPlan& plan, const Inside& inside) {
  const GridModel<Attention, Mlp, rows_are_cut> model(grid, plan, inside);
  if (inside || grid.size("pp") > 1) return model.in_parts();
  return model.whole();
}

//! [22-choices]
template <class Attention>
std::unique_ptr<LanguageModel> model_with(Grid& grid, const ModelPlan& plan,
                                          const Inside& inside = nullptr) {
  if (plan.switches.experts > 0) return model_with<Attention, ExpertMlp, false>(grid, plan, inside);
  return plan.switches.sequence_parallel
             ? model_with<Attention, FusedMlp, true>(grid, plan, inside)
             : model_with<Attention, FusedMlp, false>(grid, plan, inside);
}

}  // namespace

std::unique_ptr<LanguageModel> model_on(Grid& grid, const ModelPlan& plan) {
  if (grid.size("cp") == 1) return model_with<FusedAttention>(grid, plan);
  const auto inside = std::make_shared<const RingAttention>(grid.group({"cp"}), CutKind::zigzag);
  inside->cut().require_tokens(plan.sizes.context);
  return model_with<ContextParallelAttention>(grid, plan, inside);
}
//! [22-choices]

template <bool rows_are_cut>
static ModelBytes bytes_with(Grid& grid, const ModelPlan& plan, const Batch& batch,
                             int64_t layers) {
  const auto model = GridModel<FusedAttention, FusedMlp, rows_are_cut>(grid, plan, nullptr).whole();
  return bytes_kept(*model, batch, layers);
}

ModelBytes bytes_of_model(Grid& grid, ModelPlan plan, const Batch& batch) {
  const int64_t layers = std::exchange(plan.sizes.layers, 1);
  return plan.switches.sequence_parallel ? bytes_with<true>(grid, plan, batch, layers)
                                         : bytes_with<false>(grid, plan, batch, layers);
}

}  // namespace shard::chapter_22
