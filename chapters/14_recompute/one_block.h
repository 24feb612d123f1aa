// One block in several designs: what each keeps and computes, and that the gradients are the same.
#pragma once
#include "chapters/14_recompute/costs.h"
#include "chapters/14_recompute/recomputed.h"
#include "common/program/runtime.h"

namespace shard::chapter_14 {

struct Sizes {
  int64_t batch = 4, context = 128, heads = 12, width = 192, layers = 6, vocabulary = 512;
  int64_t tokens() const { return batch * context; }
  int64_t hidden() const { return 4 * width; }
  BlockSizes block() const { return {.width = width, .heads = heads, .hidden = hidden()}; }
  /// A block's work on rank `rank` of `ranks`.
  BlockWork work(int ranks, int rank, const DropoutMoment& moment) const;
};

/// A table of five designs of one block. Checks kept bytes and FLOPs against the formulas, the
/// collectives, and Y, dX and all gradients bit by bit. Collective.
void compare_designs(Runtime& runtime, Report& report, const Sizes& sizes,
                     const DropoutMoment& moment);

/// The design that fails: a second forward pass with masks of another pass. Collective.
void show_other_masks(Runtime& runtime, Report& report, const Sizes& sizes,
                      const DropoutMoment& moment);

}  // namespace shard::chapter_14
