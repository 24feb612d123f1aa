// What the checks of this chapter's program share: attention over whole sequences on every rank,
// and each way of computing it on cut ones.
#pragma once
#include "chapters/20_context_parallel/context_attention.h"
#include "common/program/runtime.h"

namespace shard::chapter_20 {

struct Sizes {
  int64_t batch = 2, context = 24, heads = 12, width = 48, layers = 2;
};

using Way = std::shared_ptr<const ContextAttention>;
/// Ring with both cuts, Ulysses, all-gather, over the ranks of `group`.
std::vector<Way> ways_of(Communicator& group);
std::string name_of(const ContextAttention& way);  // "ring, zigzag"

/// The rows of x [batch·context × columns] that the map names, in its order.
Tensor rows_of(const Tensor& x, const RowMap& rows);

/// Attention over whole sequences, with the operation of chapter 06, and all its gradients.
struct Trial {
  Sizes sizes;
  CutSequences sequences;
  Tensor qkv, dout;        // [batch·context × 3·width], [… × width]
  AttentionResult result;  // output [batch·context × width]
  Tensor dqkv;

  Trial(Runtime& runtime, const Sizes& s, float dropout);
  RowMap rows(const ContextAttention& way) const {
    return way.cut().rows({0, sizes.batch}, sizes.context, way.group().rank());
  }
};

/// A forward and a backward pass of one way on this rank's rows.
struct Pass {
  ContextAttention::Kept kept;
  Tensor out, dqkv;  // [tokens × width], [tokens × 3·width]
  Ledger forward, backward;
  int64_t flops = 0;  // of the forward pass

  Pass(Runtime& runtime, const ContextAttention& way, const Trial& trial);
};

}  // namespace shard::chapter_20
