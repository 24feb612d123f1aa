#include "chapters/14_recompute/costs.h"

#include "chapters/07_transformer_block/kept_bytes.h"
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
  const int64_t heads = work.heads / work.ranks, hidden = hidden_part(work);
  const int64_t fused = kept_of_rows(work.rows(), work.width) +  // on every rank
                        kept_inside(work.tokens(), work.width / work.ranks, heads, hidden);
  if (design == Design::fused) return fused;
  int64_t more = hidden - heads;      // gelu(U), which FusedMlp computes again; no log-sum-exp
  if (design == Design::written_out)  // the probabilities, and once more after dropout
    more += (work.dropout ? 2 : 1) * work.context * heads;
  return fused + 4 * work.tokens() * more;
}

int64_t input_bytes(const BlockWork& work) { return 4 * work.rows() * work.width; }
//! [14-bytes]

//! [14-flops]
int64_t flops_of_attention_product(const BlockWork& work) {
  const int64_t context = work.context;
  int64_t pairs = work.causal ? context * (context + 1) / 2 : context * context;
  if (work.pairs > 0) pairs = work.pairs;
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
