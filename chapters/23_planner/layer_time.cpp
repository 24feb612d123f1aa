#include "chapters/23_planner/layer_time.h"

#include "chapters/23_planner/layer_parts.h"

namespace shard::chapter_23 {

namespace {

/// The four linear layers' collectives of tensor parallelism (chapters 05, 06 and 13): an
/// all-reduce at each end of attention and of the MLP; under sequence parallelism an all-gather and
/// a reduce-scatter in its place, and the inputs, which are kept in parts, are gathered again.
void add_tp(PassTimes& times, const LayerParts& part) {
  const Software& software = part.software;
  // only inside a node: a GPU's copies to others run beside its products
  const double share = part.tp_group().is_inside() ? software.hidden_share : 0;
  const double forward = software.overlapped_forward ? share : 0;
  // beside products that zb-h1 leaves for later
  const double backward = software.overlapped_tp && part.layout.schedule != "zb-h1" ? share : 0;
  const double gather = part.tp_gather(), all_reduce = part.tp_all_reduce();
  for (const auto& [first, second] : {part.attention_linears(), part.mlp_linears()}) {
    if (part.layout.sequence_parallel) {
      add_tp(times.forward, gather, forward, first);
      add_tp(times.forward, gather, forward, second);
      add_tp(times.input_gradients, gather, forward, second);  // of the output's gradient
      add_tp(times.input_gradients, gather, backward, first);  // of the input, again
      add_tp(times.input_gradients, gather, backward, first);  // of its gradient, in a sum
    } else {
      add_tp(times.forward, all_reduce, forward, second);
      add_tp(times.input_gradients, all_reduce, backward, first);
    }
  }
}

void add_cp(PassTimes& times, const LayerParts& part) {
  // Keys and values travel while a part of the attention is computed; then with their gradients.
  add_ring(times.forward, part, part.attention_forward());
  add_ring(times.input_gradients, part, part.attention_backward(), true);
}

void add_ep(PassTimes& times, const LayerParts& part) {
  times.forward.ep += 2 * part.all_to_all();
  times.input_gradients.ep += 2 * part.all_to_all();
}

}  // namespace

PassTimes operator+(const PassTimes& a, const PassTimes& b) {
  return {a.forward + b.forward, a.input_gradients + b.input_gradients,
          a.weight_gradients + b.weight_gradients};
}

PassTimes operator*(double times, const PassTimes& a) {
  return {times * a.forward, times * a.input_gradients, times * a.weight_gradients};
}

PassTimes layer_time(const ModelShape& model, const Layout& layout, const Cluster& cluster,
                     const Software& software, double adding) {
  const LayerParts part{model, layout, cluster, software};
  PassTimes times;
  const auto [qkv, projection] = part.attention_linears();
  const auto [up, down] = part.mlp_linears();
  const double linears = qkv + projection + up + down + part.router();
  times.forward = part.attention_forward() + part.elementwise_forward();
  times.forward.products += linears;
  times.input_gradients = part.attention_backward() + part.elementwise_backward();
  times.input_gradients.products += linears;
  times.weight_gradients.products += linears;
  if (!software.fused_accumulation) times.weight_gradients.memory += adding * part.accumulation();
  times.forward.overhead += cluster.pass_overhead;
  times.input_gradients.overhead += cluster.pass_overhead;
  times.weight_gradients.overhead += cluster.pass_overhead;
  add_tp(times, part);
  add_cp(times, part);
  add_ep(times, part);
  if (layout.recompute == Recompute::full) times.input_gradients += times.forward;
  if (layout.recompute == Recompute::selective && !software.fused_attention) {
    times.input_gradients += part.attention_forward();
    add_ring(times.input_gradients, part, part.attention_forward());
  }
  return times;
}

PassTimes head_time(const ModelShape& model, const Layout& layout, const Cluster& cluster,
                    const Software& software) {
  const LayerParts part{model, layout, cluster, software};
  const double product = part.head();
  PassTimes times;
  times.forward.products = times.input_gradients.products = times.weight_gradients.products =
      product;
  times.forward.memory = part.loss();
  if (layout.sequence_parallel) {
    times.forward.tp = part.tp_gather();
    times.input_gradients.tp = part.tp_gather();
  } else {
    times.input_gradients.tp = part.tp_all_reduce();
  }
  return times;
}

}  // namespace shard::chapter_23
