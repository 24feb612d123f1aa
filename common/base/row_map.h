// RowMap: which rows of the whole (global) batch the rows of a tensor are, where a rank has only
// some rows of its sequences.
#pragma once
#include "common/base/partition.h"

namespace shard {

/// Rows of the batch: row s·context + p is token p of sequence s. They may be several ranges, such
/// as a part of each of several sequences.
class RowMap {
 public:
  /// Says nothing.
  RowMap() = default;
  /// These rows of the batch, one range after the other. Throws Error for a context below 1.
  RowMap(int64_t context, std::vector<Range> ranges);
  /// All rows of these sequences.
  static RowMap of_sequences(Range sequences, int64_t context);

  bool is_known() const { return context_ > 0; }
  int64_t context() const { return context_; }  // tokens of a sequence
  int64_t rows() const;                         // how many
  const std::vector<Range>& ranges() const { return ranges_; }
  /// Of each row, the token's place in its sequence: 0 … context-1.
  std::vector<int32_t> positions() const;

  /// Part `index` (part_of) of these rows, wherever sequences begin.
  RowMap part(int parts, int index) const;
  /// How many rows all parts have together, of the map that this is a part of; rows(), if of none.
  int64_t rows_of_all_parts() const { return all_ > 0 ? all_ : rows(); }

 private:
  int64_t context_ = 0, all_ = 0;
  std::vector<Range> ranges_;
};

}  // namespace shard
