// Rows in the order of the ranks, as collectives deliver them, and in the order of the sequences.
#pragma once
#include "chapters/20_context_parallel/context_attention.h"

namespace shard {

class RowsInOrder {
 public:
  RowsInOrder(Backend& backend, const SequenceCut& cut, const CutSequences& sequences);
  /// How many rows each rank has.
  const std::vector<int64_t>& of_ranks() const { return of_ranks_; }
  /// x [batch·context × columns], all rows of rank 0, then of rank 1, …, ordered by sequence and
  /// position.
  Tensor by_position(const Tensor& x) const;
  /// The inverse.
  Tensor by_rank(const Tensor& x) const;
  /// The same with each rank's rows followed by as many rows of zeros as make all equally many.
  Tensor by_rank_padded(const Tensor& x) const;

 private:
  std::vector<int64_t> of_ranks_;
  // i32: where each row comes from, or -1 for one of zeros
  Tensor from_ranks_, from_positions_, from_positions_padded_;
};

}  // namespace shard
