// What a layer consists of, for one micro-batch on one rank: each part's time.
#pragma once
#include <utility>

#include "chapters/23_planner/costs.h"
#include "chapters/23_planner/step_time.h"

namespace shard::chapter_23 {

/// All return seconds. T = micro-batch · context / cp tokens, h = width, t = tp.
struct LayerParts {
  const ModelShape& model;
  const Layout& layout;
  const Cluster& cluster;
  const Software& software;

  /// The products of a forward pass: T × 3h/t × h and T × h × h/t; of the MLP, T × hidden/t × h and
  /// its reverse, or those of the experts here, each with an equal part of top_k copies of T tokens
  /// of each of ep ranks. Each product's two gradients take as long as it does.
  std::pair<double, double> attention_linears() const;
  std::pair<double, double> mlp_linears() const;
  double router() const;
  double head() const;

  /// Unfused: two batched products, and 4 values and a mask byte per score for softmax and dropout;
  /// backward four products, and 5 values and a byte. Fused: only the causal half, the scores again
  /// in the backward pass (2.5 times the forward pass's products), none in memory.
  StepTime attention_forward() const;
  StepTime attention_backward() const;

  /// Values read and written per token, besides a mask byte of each dropout: 2 norms and 2 of
  /// bias + dropout + add on h; GeLU with its bias on hidden/t, and copies of Q, K, V on h/t. The
  /// first four are not divided by t unless sequence parallel. Korthikanti et al.,
  /// arXiv:2205.05198, section 4, has what is kept of them.
  StepTime elementwise_forward() const;
  StepTime elementwise_backward() const;
  double accumulation() const;  // gradients read, added to those of earlier micro-batches
  double loss() const;          // of both passes: 56 bytes per logit, in f32

  Group tp_group() const { return group_of(cluster, layout.ranks(), layout.tp, 1); }
  double tp_gather() const;  // or a reduce-scatter, of T × h values
  double tp_all_reduce() const;
  /// 2 · T × h/t values, and where `gradients` are with them twice that, to the next rank of cp.
  double key_value_message(bool gradients) const;
  double all_to_all() const;  // top_k copies of T × h values, divided by t if sequence parallel

  double tokens() const;
  double parts() const { return static_cast<double>(layout.tp); }  // t
};

/// Adds a collective beside a product that hides a share of it.
void add_tp(StepTime& times, double seconds, double share, double product);
/// Adds cp - 1 messages of keys and values, each beside 1/cp of the attention.
void add_ring(StepTime& times, const LayerParts& part, const StepTime& attention,
              bool gradients = false);

}  // namespace shard::chapter_23
