// What the checks of this chapter's program share: the block on each rank's own rows, beside the
// block of chapter 07, with the same numbers.
#pragma once
#include "chapters/07_transformer_block/trial.h"
#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "common/comm/grid.h"
#include "common/comm/partial_gradients.h"

namespace shard::chapter_13 {

using chapter_07::Sizes;
using reference::Matrix;
using OwnRowsBlock = SequenceParallelBlock<FusedAttention, FusedMlp>;

struct Trial {
  chapter_07::Trial whole;  // X and dY with all rows; the block split, unsplit, and in double
  Grid grid;                // all ranks are its axis "tp"
  RowMap rows;              // this rank's
  Range own;                // the same as a range of X's rows
  Tensor x, dy;             // [rows/t × width]: this rank's rows
  OwnRowsBlock again, kept;

  Trial(Runtime& runtime, const Sizes& sizes, const Init& init)
      : whole(runtime, sizes, init),
        grid(runtime.world(), {{"tp", runtime.world().size()}}),
        rows(RowMap::of_sequences({0, sizes.batch}, sizes.context)
                 .part(grid.tp().size(), grid.tp().rank())),
        own(part_of(whole.x.rows(), grid.tp().size(), grid.tp().rank())),
        x(whole.x.slice(own).clone()),
        dy(whole.dy.slice(own).clone()),
        again(grid.tp(), "h.0", sizes.block(), init, 0.3f, Gathered::again),
        kept(grid.tp(), "h.0", sizes.block(), init, 0.3f, Gathered::kept) {}

  /// `moment` with this rank's rows.
  DropoutMoment of_own_rows(DropoutMoment moment) const {
    moment.rows = rows;
    return moment;
  }
  /// What chapter 10's step does at its end: one all-reduce over "tp".
  void sum_over_tp(OwnRowsBlock& block) {
    PartialGradients(grid, block.parameters(), {"dp"}).sum();
  }
};

/// One forward and one backward pass, from zero gradients.
template <class Block>
struct Pass {
  Tensor y, dx;
  typename Block::Kept kept;
  Ledger forward, backward, both;
  int64_t live = 0;  // bytes that forward has taken and not given back

  Pass(Runtime& runtime, Block& block, const Tensor& x, const Tensor& dy, int64_t batch,
       const DropoutMoment& moment) {
    zero_gradients(block.parameters());
    const Ledger start = runtime.ledger();
    const int64_t before = runtime.backend().bytes_in_use();
    y = block.forward(x, batch, moment, kept);
    live = runtime.backend().bytes_in_use() - before;
    const Ledger middle = runtime.ledger();
    dx = block.backward(dy, kept);
    forward = middle.since(start);
    backward = runtime.ledger().since(middle);
    both = runtime.ledger().since(start);
  }
};

/// A pass of chapter 07's block, split over the ranks or not: every rank has all rows.
inline Pass<TransformerBlock> pass_of(Runtime& runtime, Trial& trial, TransformerBlock& block,
                                      const DropoutMoment& moment) {
  return {runtime, block, trial.whole.x, trial.whole.dy, trial.whole.sizes.batch, moment};
}
/// A pass on each rank's own rows.
inline Pass<OwnRowsBlock> pass_of(Runtime& runtime, Trial& trial, OwnRowsBlock& block,
                                  const DropoutMoment& moment) {
  return {runtime, block, trial.x, trial.dy, trial.whole.sizes.batch, trial.of_own_rows(moment)};
}

}  // namespace shard::chapter_13
