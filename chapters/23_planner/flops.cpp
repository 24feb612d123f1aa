#include "chapters/23_planner/counting.h"

namespace shard::chapter_23 {

BlockWork block_work(const ModelShape& model, int64_t sequences, bool causal) {
  const int64_t mlps = model.experts > 0 ? model.top_k : 1;
  return {.batch = sequences,
          .context = model.context,
          .width = model.width,
          .heads = model.heads,
          .hidden = mlps * model.mlp_width(),
          .causal = causal};
}

namespace {

/// Of one sequence in one layer.
int64_t router_flops(const ModelShape& model) {
  return 2 * model.context * model.width * model.experts;
}

/// Of both passes, and of so many more operations in each layer for each sequence. As a double,
/// since a step of a large model has more than 2⁶³.
double with_more(const ModelShape& model, int64_t batch, int64_t more) {
  const int64_t blocks =
      shard::model_flops(Design::written_out, block_work(model, 1), model.layers, model.vocabulary);
  return static_cast<double>(batch) *
         static_cast<double>(blocks + model.layers * (3 * router_flops(model) + more));
}

}  // namespace

double model_flops(const ModelShape& model, int64_t batch) { return with_more(model, batch, 0); }

double hardware_flops(const ModelShape& model, int64_t batch, Recompute recompute) {
  const BlockWork work = block_work(model, 1);
  switch (recompute) {
    case Recompute::none: return model_flops(model, batch);
    case Recompute::selective: return with_more(model, batch, 2 * flops_of_attention_product(work));
    case Recompute::full: return with_more(model, batch, forward_flops(work) + router_flops(model));
  }
  return 0;
}

double hfu_published_eq8(const ModelShape& model, int64_t batch) {
  return with_more(model, batch, 6 * flops_of_attention_product(block_work(model, 1)));
}

}  // namespace shard::chapter_23
