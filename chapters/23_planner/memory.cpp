#include "chapters/23_planner/memory.h"

#include <algorithm>

#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/23_planner/counting.h"
#include "chapters/23_planner/parameter_list.h"

namespace shard::chapter_23 {
namespace {

double real(int64_t number) { return static_cast<double>(number); }

/// Tokens of a micro-batch on a rank: the largest part of a sequence.
double tokens_of(const ModelShape& model, const Layout& layout) {
  return real(layout.micro_batch * ((model.context + layout.cp - 1) / layout.cp));
}

/// What of a token's row is on a rank where tp does not cut the columns.
double share_of_row(const Layout& layout) {
  return layout.sequence_parallel ? 1 / real(layout.tp) : 1;
}

/// Attention's probabilities before and after dropout, and its mask: 5·a·s bytes a token.
double kept_of_scores(const ModelShape& model, const Layout& layout, const ValueBytes& bytes) {
  const double each = bytes.keeps_scores ? (2 * bytes.activation + bytes.mask) * real(model.context)
                                         : 4;  // the log-sum-exp of a query's scores
  return each * real(model.heads) * tokens_of(model, layout) / real(layout.tp);
}

/// A layer's input.
double kept_of_input(const ModelShape& model, const Layout& layout, const ValueBytes& bytes) {
  return bytes.activation * real(model.width) * tokens_of(model, layout) * share_of_row(layout);
}

//! [23-layer]
/// A layer without its scores. Of dense MLPs of 4·h in half precision, a token's bytes: 10·h of
/// rows, 24·h of columns.
double kept_of_products(const ModelShape& model, const Layout& layout, const ValueBytes& bytes) {
  const double h = real(model.width), f = real(model.mlp_width());
  // the inputs of both norms, of attention and of the MLP; the masks of both dropouts
  const double rows = (4 * bytes.activation + 2 * bytes.mask) * h + 2 * bytes.statistics;
  // Q, K, V and the projection's input; before and after GeLU
  double columns = 4 * bytes.activation * h;
  const double mlp = (bytes.keeps_gelu ? 2 : 1) * bytes.activation * f;
  double everywhere = 0;
  if (model.experts > 0) {  // a token's row goes to k experts, and k results come back
    const double k = real(model.top_k);
    columns += k * mlp;
    everywhere = 2 * k * bytes.activation * h + 2 * 4 * real(model.experts);  // router: f32
  } else {
    columns += mlp;
  }
  return tokens_of(model, layout) *
         (rows * share_of_row(layout) + columns / real(layout.tp) + everywhere);
}
//! [23-layer]

double layers_of(const ModelShape& model, const Layout& layout, int64_t stage) {
  int64_t layers = 0;
  for (int64_t chunk = 0; chunk < layout.chunks; ++chunk)
    layers += layers_of_chunk(model, layout, stage, chunk);
  return real(layers);
}

/// What recomputed layers keep for gradients of weights that ZB-H1 leaves for later: of as many
/// micro-batches as the stage is late.
double kept_for_weights(const ModelShape& model, const Layout& layout, int64_t batch, int64_t stage,
                        const ValueBytes& bytes) {
  if (layout.schedule != "zb-h1" || layout.recompute != Recompute::full) return 0;
  return real(std::min(stage, layout.micro_batches(batch))) * layers_of(model, layout, stage) *
         (kept_of_products(model, layout, bytes) - kept_of_layer(model, layout, bytes));
}

/// Beside the layers: the embedding's dropout mask on the first stage; on the last the inputs of
/// the last norm and of the head, and the logits and their gradient in f32, one after the other.
double kept_at_ends(const ModelShape& model, const Layout& layout, int64_t batch, int64_t stage,
                    const ValueBytes& bytes) {
  const double tokens = tokens_of(model, layout), row = real(model.width) * share_of_row(layout);
  double kept = 0;
  if (stage == 0) kept += bytes.mask * tokens * row * micro_batches_kept(layout, batch, stage);
  if (stage + 1 == layout.pp) {
    const int64_t of_head = layout.schedule == "gpipe" ? layout.micro_batches(batch) : 1;
    kept += real(of_head) * tokens *
            (2 * bytes.activation * row + 4 * real(model.vocabulary) / real(layout.tp));
  }
  return kept;
}

double buffers_of(const ModelShape& model, const Layout& layout, const ValueBytes& bytes,
                  const HeldParameters& held) {
  const double rows = bytes.activation * real(model.width) * tokens_of(model, layout);
  double buffers = 0;
  if (layout.recompute != Recompute::none) {  // what one layer's backward pass has again
    Layout kept = layout;
    kept.recompute = Recompute::none;
    buffers += kept_of_layer(model, kept, bytes) - kept_of_layer(model, layout, bytes);
  }
  if (layout.sequence_parallel && layout.tp > 1) buffers += rows;  // gathered
  if (layout.cp > 1) buffers += 2 * 2 * rows / real(layout.tp);    // K and V: used, arriving
  if (layout.pp > 1) buffers += 2 * rows * share_of_row(layout);   // received: both ways
  if (layout.shard_optimizer >= 2) buffers += bytes.gradient * held.largest;
  if (layout.shard_optimizer == 3) buffers += 2 * bytes.weight * held.largest;  // used, arriving
  return buffers;
}

}  // namespace

ValueBytes value_bytes(const Cluster& cluster, const Software& software) {
  ValueBytes bytes;
  if (cluster.bytes_per_value == 4) {
    bytes = {.weight = 4,
             .gradient = 4,
             .optimizer = 8,
             .activation = 4,
             .mask = 0,
             .statistics = 8,
             .keeps_gelu = false};
  }
  bytes.keeps_scores = !software.fused_attention;
  return bytes;
}

double kept_of_layer(const ModelShape& model, const Layout& layout, const ValueBytes& bytes) {
  switch (layout.recompute) {
    case Recompute::full: return kept_of_input(model, layout, bytes);
    case Recompute::selective:
      return kept_of_products(model, layout, bytes) +
             (bytes.keeps_scores ? 0 : kept_of_scores(model, layout, bytes));
    case Recompute::none: break;
  }
  return kept_of_products(model, layout, bytes) + kept_of_scores(model, layout, bytes);
}

//! [23-in-flight]
double micro_batches_kept(const Layout& layout, int64_t batch, int64_t stage) {
  const std::string schedule = layout.chunks > 1 ? "interleaved" : layout.schedule;
  const auto number = [](int64_t small) { return static_cast<int>(small); };
  return real(most_in_flight(schedule, number(stage), number(layout.pp),
                             layout.micro_batches(batch), number(layout.chunks))) /
         real(layout.chunks);
}
//! [23-in-flight]

HeldParameters held_by(const ModelShape& model, const Layout& layout, int64_t stage) {
  HeldParameters held{.all = real(parameters_of_rank(model, layout, stage))};
  const double layers = layers_of(model, layout, stage);
  const ParameterSizes block = parameters_of_block(
      model, {.tp_ranks = static_cast<int>(layout.tp), .ep_ranks = static_cast<int>(layout.ep)});
  for (const auto& [kind, elements] : block) {
    held.largest += real(elements);
    if (kind == Kind::expert) held.experts += layers * real(elements);
  }
  held.largest = std::max(held.largest, held.all - layers * held.largest);  // the ends are one, too
  return held;
}

double shared_out(const HeldParameters& held, const Layout& layout) {
  const double ranks = real(layout.cp * layout.dp);
  return (held.all - held.experts) / ranks + held.experts * real(layout.ep) / ranks;
}

//! [23-memory]
Memory memory_of(const ModelShape& model, const Layout& layout, int64_t batch, int64_t stage,
                 const ValueBytes& bytes, const HeldParameters& held) {
  const auto values = [&](int64_t shared_out_from) {
    return layout.shard_optimizer >= shared_out_from ? shared_out(held, layout) : held.all;
  };
  return {.weights = bytes.weight * values(3),
          .gradients = bytes.gradient * values(2),
          .optimizer = bytes.optimizer * values(1),
          .activations = layers_of(model, layout, stage) *
                             micro_batches_kept(layout, batch, stage) *
                             kept_of_layer(model, layout, bytes) +
                         kept_for_weights(model, layout, batch, stage, bytes) +
                         kept_at_ends(model, layout, batch, stage, bytes),
          .buffers = buffers_of(model, layout, bytes, held)};
}
//! [23-memory]

Memory memory_of(const ModelShape& model, const Layout& layout, int64_t batch, int64_t stage,
                 const ValueBytes& bytes) {
  return memory_of(model, layout, batch, stage, bytes, held_by(model, layout, stage));
}

Memory memory_of_fullest(const ModelShape& model, const Layout& layout, int64_t batch,
                         const ValueBytes& bytes) {
  const Memory first = memory_of(model, layout, batch, 0, bytes),
               last = memory_of(model, layout, batch, layout.pp - 1, bytes);
  return first.total() >= last.total() ? first : last;
}

}  // namespace shard::chapter_23
