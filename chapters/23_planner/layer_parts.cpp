#include "chapters/23_planner/layer_parts.h"

#include <algorithm>
#include <cmath>

namespace shard::chapter_23 {

namespace {

double real(int64_t value) { return static_cast<double>(value); }

}  // namespace

double LayerParts::tokens() const {
  return real(layout.micro_batch) * real(model.context) / real(layout.cp);
}

std::pair<double, double> LayerParts::attention_linears() const {
  const double h = real(model.width);
  return {product_seconds(cluster, tokens(), 3 * h / parts(), h),
          product_seconds(cluster, tokens(), h, h / parts())};
}

std::pair<double, double> LayerParts::mlp_linears() const {
  const double h = real(model.width), hidden = real(model.mlp_width()) / parts();
  double rows = tokens(), experts = 1;  // of an expert, and how many there are here
  if (model.experts > 0) {
    experts = std::ceil(real(model.experts) / real(layout.ep));
    rows = tokens() * real(model.top_k) * real(layout.ep) / real(model.experts);
  }
  return {product_seconds(cluster, rows, hidden, h, experts),
          product_seconds(cluster, rows, h, hidden, experts)};
}

double LayerParts::router() const {
  return model.experts == 0
             ? 0
             : product_seconds(cluster, tokens(), real(model.experts), real(model.width));
}

double LayerParts::head() const {
  return product_seconds(cluster, tokens(), real(model.vocabulary) / parts(), real(model.width));
}

static double heads_of(const LayerParts& part) {
  return real(part.layout.micro_batch) * real(part.model.heads) / part.parts();
}

/// Queries of this rank against all keys.
static double attention_products(const LayerParts& part) {
  const double queries = real(part.model.context) / real(part.layout.cp);
  const double keys = real(part.model.context), width = real(part.model.head_width());
  if (part.software.fused_attention) {
    const double flops = 4 * heads_of(part) * queries * keys * width / 2;
    return flops / (part.cluster.peak * part.software.fused_share);
  }
  return product_seconds(part.cluster, queries, keys, width, heads_of(part)) +
         product_seconds(part.cluster, queries, width, keys, heads_of(part));
}

static double score_seconds(const LayerParts& part, double values) {
  if (part.software.fused_attention) return 0;
  const double scores =
      heads_of(part) * real(part.model.context) * (real(part.model.context) / real(part.layout.cp));
  return stream_seconds(part.cluster, scores * (values * part.cluster.bytes_per_value + 1)) *
         part.cluster.elementwise_passes;
}

StepTime LayerParts::attention_forward() const {
  return {.products = attention_products(*this), .memory = score_seconds(*this, 4)};
}

StepTime LayerParts::attention_backward() const {
  return {.products = (software.fused_attention ? 2.5 : 2) * attention_products(*this),
          .memory = score_seconds(*this, 5)};
}

static double elementwise(const LayerParts& part, double on_width, double masks, double on_hidden,
                          double on_heads) {
  const double value = part.cluster.bytes_per_value, t = part.parts();
  const double whole = part.layout.sequence_parallel ? t : 1;
  const double h = real(part.model.width);
  const double mlps = part.model.experts > 0 ? real(part.model.top_k) : 1;
  const double bytes = (on_width * value + masks) * h / whole +
                       on_hidden * value * mlps * real(part.model.mlp_width()) / t +
                       on_heads * value * h / t;
  return stream_seconds(part.cluster, part.tokens() * bytes) * part.cluster.elementwise_passes;
}

StepTime LayerParts::elementwise_forward() const {
  return {.memory = elementwise(*this, 2 * 2 + 2 * 3, 2, 2, 3)};
}

StepTime LayerParts::elementwise_backward() const {
  return {.memory = elementwise(*this, 2 * 4 + 2 * 2, 2, 3, 3)};
}

double LayerParts::accumulation() const {
  const double h = real(model.width), hidden = real(model.mlp_width());
  const double mlps = model.experts > 0 ? std::ceil(real(model.experts) / real(layout.ep)) : 1;
  const double weights = (4 * h * h + mlps * 2 * h * hidden) / parts();
  return stream_seconds(cluster, 3 * cluster.bytes_per_value * weights);
}

double LayerParts::loss() const {
  return stream_seconds(cluster, 56 * tokens() * real(model.vocabulary) / parts());
}

double LayerParts::tp_gather() const {
  return gather_seconds(cluster, tp_group(),
                        tokens() * real(model.width) * cluster.bytes_per_value);
}

double LayerParts::tp_all_reduce() const {
  return all_reduce_seconds(cluster, tp_group(),
                            tokens() * real(model.width) * cluster.bytes_per_value);
}

double LayerParts::key_value_message(bool gradients) const {
  const double values = (gradients ? 4 : 2) * tokens() * real(model.width) / parts();
  return message_seconds(cluster, group_of(cluster, layout.ranks(), layout.cp, layout.tp),
                         values * cluster.bytes_per_value);
}

double LayerParts::all_to_all() const {
  if (model.experts == 0) return 0;
  const double rows = tokens() * real(model.top_k) / (layout.sequence_parallel ? parts() : 1);
  return all_to_all_seconds(cluster, group_of(cluster, layout.ranks(), layout.ep, layout.tp),
                            rows * real(model.width) * cluster.bytes_per_value);
}

void add_tp(StepTime& times, double seconds, double share, double product) {
  const double hidden = share * std::min(seconds, product);
  times.tp += seconds - hidden;
  times.hidden += hidden;
}

void add_ring(StepTime& times, const LayerParts& part, const StepTime& attention, bool gradients) {
  const double cp = real(part.layout.cp);
  const double message = part.key_value_message(gradients);
  const double hidden = std::min(message, attention.total() / cp);
  times.cp += (cp - 1) * (message - hidden);
  times.hidden += (cp - 1) * hidden;
}

}  // namespace shard::chapter_23
