// What a model, or a part of one, costs a rank in both passes of a micro-batch: formulas, which the
// program compares with what the rank has kept, computed and communicated.
#pragma once
#include "chapters/14_recompute/costs.h"
#include "chapters/14_recompute/memory_plan.h"
#include "common/check/calls.h"

namespace shard {

/// Blocks of chapter 07, and maybe the ends of the model.
struct ModelWork {
  BlockWork block;
  int64_t layers = 0;
  int64_t columns = 0;                 // the rank's of the logits
  bool embedding = true, head = true;  // whether it begins with the tokens, and ends with losses
};

ModelBytes kept_bytes(const ModelWork& work);
/// Of the products, if the first `recomputed` blocks are computed again.
int64_t flops_of(const ModelWork& work, int64_t recomputed);
/// What it calls over the tensor-parallel ranks, each entry of equal calls: with rows that are the
/// same on every rank.
std::vector<Calls> calls_of(const ModelWork& work, int64_t recomputed);
/// The head's part of them.
std::vector<Calls> calls_of_loss(int64_t tokens);

}  // namespace shard
