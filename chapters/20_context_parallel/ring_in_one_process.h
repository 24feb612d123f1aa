// All ranks of a contiguous ring in one process, block by block: for designs that fail, which need
// no messages to show it.
#pragma once
#include "chapters/20_context_parallel/block_attention.h"
#include "chapters/20_context_parallel/trial.h"
#include "common/tensor/ops.h"

namespace shard::chapter_20 {

class RingInOneProcess {
 public:
  RingInOneProcess(const Trial& trial, int ranks)
      : trial_(trial), cut_(CutKind::contiguous, ranks), width_(trial.sizes.width) {}

  /// Calls visit(rank, owner, block) for all blocks of scores.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (int rank = 0; rank < cut_.ranks; ++rank)
      for (int owner = 0; owner < cut_.ranks; ++owner)
        for (const ScoreBlock& block : cut_.blocks(trial_.sizes.context, rank, owner))
          visit(rank, owner, block);
  }
  RowMap rows(int rank) const {
    return cut_.rows({0, trial_.sizes.batch}, trial_.sizes.context, rank);
  }
  Tensor of_rank(const Tensor& x, int rank) const { return rows_of(x, rows(rank)); }
  Tensor kv_of(int rank) const {
    return columns_of(of_rank(trial_.qkv, rank), {width_, 3 * width_});
  }
  AttentionResult attend_to(int rank, int owner, const ScoreBlock& block) const {
    return attend(of_rank(trial_.qkv, rank), kv_of(owner), block, trial_.sequences);
  }

 private:
  const Trial& trial_;
  SequenceCut cut_;
  int64_t width_;
};

}  // namespace shard::chapter_20
