#include "chapters/23_planner/rank_work.h"

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "chapters/20_context_parallel/sequence_cut.h"
#include "chapters/23_planner/counting.h"

namespace shard::chapter_23 {
namespace {

GridLayout grid_of(const ModelShape& model, const Layout& layout) {
  const auto number = [](int64_t ranks) { return static_cast<int>(ranks); };
  GridLayout grid({{"tp", number(layout.tp)},
                   {"cp", number(layout.cp)},
                   {"pp", number(layout.pp)},
                   {"dp", number(layout.dp)}});
  if (model.experts > 0) grid.fold({"cp", "dp"}, "ep", number(layout.ep), "edp");
  return grid;
}

}  // namespace

RankWork::RankWork(const ModelShape& the_model, const Layout& the_layout, int64_t batch,
                   int the_rank)
    : model(the_model),
      layout(the_layout),
      micro_batches(the_layout.micro_batches(batch)),
      grid(grid_of(the_model, the_layout)),
      rank(the_rank) {}

std::vector<GptStage> parts_of_model(const ModelShape& model, const Layout& layout) {
  const EndCosts costs = end_costs({.vocabulary = model.vocabulary,
                                    .context = model.context,
                                    .width = model.width,
                                    .heads = model.heads,
                                    .layers = model.layers});
  return cut_into_parts(model.layers, static_cast<int>(layout.pp * layout.chunks), costs);
}

std::vector<GptStage> RankWork::parts() const {
  if (layout.pp == 1) return {{.layers = {0, model.layers}}};
  const std::vector<GptStage> all = parts_of_model(model, layout);
  std::vector<GptStage> own;
  for (int64_t chunk = 0; chunk < layout.chunks; ++chunk)
    own.push_back(all[static_cast<size_t>(chunk * layout.pp + at("pp"))]);
  return own;
}

LayerPlace RankWork::place() const {
  LayerPlace place{.tp_ranks = ranks("tp"), .tp = at("tp")};
  if (model.experts > 0) place.ep_ranks = ranks("ep"), place.ep = at("ep");
  return place;
}

ParameterSizes RankWork::parameters() const {
  ParameterSizes all;
  for (const GptStage& part : parts()) {
    const ParameterSizes more = parameters_of_part(model, part, place());
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

bool RankWork::is_partial(const ParameterSize& parameter) const {
  if (parameter.kind == Kind::tied) return layout.pp > 1;
  return parameter.kind == Kind::whole && layout.sequence_parallel && layout.tp > 1;
}

ModelWork RankWork::work_of(const GptStage& part) const {
  BlockWork block = block_work(model, layout.micro_batch, true);
  block.ranks = ranks("tp"), block.rank = at("tp");
  if (layout.cp > 1) {
    const SequenceCut cut(CutKind::zigzag, ranks("cp"));
    block.context = cut.tokens(model.context, at("cp"));
    for (int owner = 0; owner < ranks("cp"); ++owner)
      block.pairs += cut.entries(model.context, at("cp"), owner);
  }
  if (layout.sequence_parallel)
    block.own_rows = part_of(block.tokens(), block.ranks, block.rank).size();
  return {.block = block,
          .layers = part.layers.size(),
          .columns = vocabulary_part(model.vocabulary, block.ranks, block.rank).size(),
          .embedding = part.embedding,
          .head = part.head};
}

ExpertWork RankWork::expert_work() const {
  const int64_t tokens = work_of({}).block.tokens();
  return {.tokens = tokens,
          .arrived = model.top_k * tokens,
          .width = model.width,
          .experts = model.experts,
          .chosen = model.top_k};
}

int64_t flops_of_step(const RankWork& work) {
  int64_t flops = 0;
  for (const GptStage& part : work.parts()) {
    const ModelWork model = work.work_of(part);
    const int64_t recomputed = work.recomputed_in(part), width = work.model.width;
    flops += flops_of(model, recomputed);
    if (work.model.experts == 0) continue;
    const int64_t router = 2 * model.block.tokens() * width * work.model.experts;
    // a mixture is recomputed with its result, which the router's gradient needs
    const int64_t result = forward_flops(model.block) - recomputation_flops(model.block);
    flops += 3 * model.layers * router + recomputed * (router + result);
  }
  return work.micro_batches * flops;
}

}  // namespace shard::chapter_23
