#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "chapters/23_planner/counting.h"
#include "chapters/23_planner/parameter_list.h"

namespace shard::chapter_23 {
namespace {

/// Of width → hidden → width, with biases (chapter 05).
void add_mlp(ParameterSizes& all, const ModelShape& model, const LayerPlace& place) {
  const int64_t width = model.width,
                hidden = part_of(model.mlp_width(), place.tp_ranks, place.tp).size();
  all.insert(all.end(), {{Kind::cut, width * hidden},
                         {Kind::cut, hidden},
                         {Kind::cut, hidden * width},
                         {Kind::whole, width}});
}

/// The router, and this rank's experts (chapter 21).
void add_experts(ParameterSizes& all, const ModelShape& model, const LayerPlace& place) {
  all.push_back({Kind::whole, model.width * model.experts});
  const int64_t own = part_of(model.experts, place.ep_ranks, place.ep).size();
  ParameterSizes of_one;
  add_mlp(of_one, model, place);
  for (const ParameterSize& one : of_one) all.push_back({Kind::expert, own * one.elements});
}

ParameterSize table(const ModelShape& model, const LayerPlace& place) {
  const int64_t rows = vocabulary_part(model.vocabulary, place.tp_ranks, place.tp).size();
  return {Kind::tied, rows * model.width};
}

}  // namespace

ParameterSizes parameters_of_block(const ModelShape& model, const LayerPlace& place) {
  const int64_t width = model.width, of_heads = width / place.tp_ranks;
  const ParameterSize of_norm{Kind::whole, width};
  ParameterSizes all{of_norm,
                     of_norm,
                     {Kind::cut, width * 3 * of_heads},
                     {Kind::cut, 3 * of_heads},
                     {Kind::cut, of_heads * width},
                     {Kind::whole, width},
                     of_norm,
                     of_norm};
  model.experts > 0 ? add_experts(all, model, place) : add_mlp(all, model, place);
  return all;
}

ParameterSizes parameters_of_part(const ModelShape& model, const GptStage& part,
                                  const LayerPlace& place) {
  ParameterSizes all;
  if (part.embedding || part.head) all.push_back(table(model, place));
  if (part.embedding) all.push_back({Kind::whole, model.context * model.width});
  const ParameterSizes block = parameters_of_block(model, place);
  for (int64_t layer = 0; layer < part.layers.size(); ++layer)
    all.insert(all.end(), block.begin(), block.end());
  if (part.head) all.insert(all.end(), {{Kind::whole, model.width}, {Kind::whole, model.width}});
  return all;
}

int64_t elements_of(const ParameterSizes& parameters) {
  int64_t sum = 0;
  for (const ParameterSize& parameter : parameters) sum += parameter.elements;
  return sum;
}

/// Its blocks are equal: one of them is counted.
static int64_t count(const ModelShape& model, const GptStage& part, const LayerPlace& place) {
  const GptStage ends{.layers = {}, .embedding = part.embedding, .head = part.head};
  return elements_of(parameters_of_part(model, ends, place)) +
         part.layers.size() * elements_of(parameters_of_block(model, place));
}

int64_t parameters(const ModelShape& model) {
  return count(model, {.layers = {0, model.layers}}, {});
}

int64_t layers_of_chunk(const ModelShape& model, const Layout& layout, int64_t stage,
                        int64_t chunk) {
  return part_of(model.layers, static_cast<int>(layout.pp * layout.chunks),
                 static_cast<int>(chunk * layout.pp + stage))
      .size();
}

int64_t parameters_of_rank(const ModelShape& model, const Layout& layout, int64_t stage) {
  GptStage all{.layers = {}, .embedding = stage == 0, .head = stage + 1 == layout.pp};
  for (int64_t chunk = 0; chunk < layout.chunks; ++chunk)
    all.layers.end += layers_of_chunk(model, layout, stage, chunk);
  return count(model, all,
               {.tp_ranks = static_cast<int>(layout.tp), .ep_ranks = static_cast<int>(layout.ep)});
}

}  // namespace shard::chapter_23
