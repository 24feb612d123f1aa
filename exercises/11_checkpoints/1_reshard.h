#pragma once
#include <string>
#include <vector>

#include "common/base/shape.h"

namespace shard {

/// How a tensor is cut over t ranks.
enum class Cut {
  replicated,  // every rank has all of it
  rows,        // rows part_of(rows, t, rank): matrices of row-parallel layers
  columns,     // columns part_of(columns, t, rank): matrices and biases of column-parallel layers
  qkv,         // columns [Q K V]: every rank has its heads' columns of all three (chapter 06)
  vocabulary   // ⌈rows/t⌉ rows for each rank, those past the end are padding (chapter 08)
};

/// A tensor of a checkpoint that was written by as many ranks as there are parts.
struct SavedTensor {
  std::string name;
  Shape whole;  // [rows × columns], without padding, or [columns]
  Cut cut;
  int64_t heads = 0;  // for Cut::qkv
  /// The parts of rank 0, 1, …, row-major. Padding rows have arbitrary values.
  std::vector<std::vector<float>> parts;
};

/// The parts of the same tensor for `ranks` ranks, with zero padding. Throws UsageError if the
/// number of ranks does not divide the heads.
std::vector<std::vector<float>> reshard(const SavedTensor& tensor, int ranks);

}  // namespace shard
