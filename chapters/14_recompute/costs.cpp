#include "chapters/14_recompute/costs.h"

#include "common/base/partition.h"

namespace shard {
namespace {

/// The rank's columns inside the MLP.
int64_t hidden_part(const BlockWork& work) {
  return part_of(work.hidden, work.ranks, work.rank).size();
}

/// Operations of the MLP's second product.
int64_t flops_of_last_product(const BlockWork& work) {
  return 2 * work.tokens() * work.width * hidden_part(work);
}

/// Of the block's four products with weights.
int64_t flops_of_weights(const BlockWork& work) {
  const int64_t attention = 2 * work.tokens() * 4 * work.width * work.width / work.ranks;
  return attention + 2 * flops_of_last_product(work);
}

}  // namespace

//! [14-bytes]
int64_t kept_bytes(Design design, const BlockWork& work) {
  const bool fused = design == Design::fused;
  const int64_t width = work.width, heads = work.heads, t = work.ranks;
  // x, norm₁(x), u, norm₂(u), and two statistics for each norm: on every rank
  const int64_t replicated = 4 * width + 4;
  // q, k, v and the projection's input
  int64_t attention = 4 * width / t;
  if (fused) attention += heads / t;  // the log-sum-exp of each query
  if (design == Design::written_out)  // the probabilities, and once more after dropout
    attention += (work.dropout ? 2 : 1) * work.context * heads / t;
  // U, and gelu(U), which FusedMlp computes again
  const int64_t mlp = (fused ? 1 : 2) * hidden_part(work);
  return 4 * work.tokens() * (replicated + attention + mlp);
}

int64_t input_bytes(const BlockWork& work) { return 4 * work.tokens() * work.width; }
//! [14-bytes]

//! [14-flops]
int64_t flops_of_attention_product(const BlockWork& work) {
  const int64_t context = work.context,
                pairs = work.causal ? context * (context + 1) / 2 : context * context;
  return 2 * work.batch * pairs * work.width / work.ranks;  // all heads: width/t in each pair
}

int64_t forward_flops(const BlockWork& work) {
  return flops_of_weights(work) + 2 * flops_of_attention_product(work);
}

int64_t backward_flops(Design design, const BlockWork& work) {
  const int64_t products = design == Design::written_out ? 4 : 5;
  return 2 * flops_of_weights(work) + products * flops_of_attention_product(work);
}

int64_t recomputation_flops(const BlockWork& work) {
  return forward_flops(work) - flops_of_last_product(work);
}

int64_t model_flops(Design design, const BlockWork& work, int64_t layers, int64_t columns) {
  const int64_t logits = 2 * work.tokens() * work.width * columns;
  return layers * (forward_flops(work) + backward_flops(design, work)) + 3 * logits;
}
//! [14-flops]

}  // namespace shard
