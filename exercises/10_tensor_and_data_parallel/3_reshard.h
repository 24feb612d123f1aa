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
  qkv,  // columns [Q K V], head after head in each: every rank has its heads' columns of all three
        // (chapter 06)
  vocabulary  // ⌈rows/t⌉ rows a rank, those past the end are padding (chapter 08)
};

/// A tensor of a checkpoint that was written by as many ranks as there are parts.
struct SavedTensor {
  std::string name;
  Shape whole;  // [rows × columns], without padding, or [columns]
  Cut cut;
  int64_t heads = 0;  // for Cut::qkv
  std::vector<std::vector<float>>
      parts;  // of rank 0, 1, …, row after row. In padding rows may stand anything.
};

/// The parts of the same tensor for `ranks` ranks, padding zero. Throws UsageError when the heads
/// cannot be shared out evenly over them.
std::vector<std::vector<float>> reshard(const SavedTensor& tensor, int ranks);

}  // namespace shard
