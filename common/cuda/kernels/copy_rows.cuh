// Rows moved from one place to another: parts of matrices, heads of attention, rows of a table. The
// elements' type does not matter: all lengths here are bytes, and a row goes in units of 2 to 16 of
// them, as large as all lengths allow.
#pragma once
#include "common/cuda/kernels/pack.cuh"

namespace shard::kernels {

/// Where a row is written and where it is read; `from` < 0: it is zero.
struct Move {
  int64_t to, from;
};

/// Columns of one matrix to columns of another.
struct MoveColumns {
  int64_t to_stride, to_column, from_stride, from_column;
  int64_t all_lengths() const { return to_stride | to_column | from_stride | from_column; }
  __device__ Move operator()(int64_t row) const {
    return {row * to_stride + to_column, row * from_stride + from_column};
  }
};

/// Row (sequence · heads + head) · context + position of the heads' matrices is a part of row
/// sequence · context + position of the tokens' matrix.
struct HeadPlaces {
  int64_t context, heads;  // numbers, not bytes
  int64_t token_stride, first_column, head_width;
  int64_t all_lengths() const { return token_stride | first_column | head_width; }
  __device__ int64_t in_heads(int64_t row) const { return row * head_width; }
  __device__ int64_t in_tokens(int64_t row) const {
    const int64_t matrix = row / context, position = row % context;
    const int64_t sequence = matrix / heads, head = matrix % heads;
    return (sequence * context + position) * token_stride + first_column + head * head_width;
  }
};

struct SplitHeads : HeadPlaces {
  __device__ Move operator()(int64_t row) const { return {in_heads(row), in_tokens(row)}; }
};

struct MergeHeads : HeadPlaces {
  __device__ Move operator()(int64_t row) const { return {in_tokens(row), in_heads(row)}; }
};

/// Row ids[row] - first_row of a table, if it is in there.
struct GatherRows {
  const int32_t* ids;
  int64_t first_row, table_rows;  // numbers, not bytes
  int64_t width;
  int64_t all_lengths() const { return width; }
  __device__ Move operator()(int64_t row) const {
    const int64_t source = ids[row] - first_row;
    return {row * width, source >= 0 && source < table_rows ? source * width : -1};
  }
};

template <int bytes, class Places>
__global__ void copy_rows(char* __restrict__ to, const char* __restrict__ from, int64_t rows,
                          int64_t width, Places places) {
  using Unit = Pack<bytes / 2, uint16_t>;
  const int64_t column = bytes * thread_in_grid();
  if (column >= width) return;
  for (int64_t row = first_row(); row < rows; row += row_step()) {
    const Move move = places(row);
    Unit unit{};
    if (move.from >= 0) unit = *reinterpret_cast<const Unit*>(from + move.from + column);
    *reinterpret_cast<Unit*>(to + move.to + column) = unit;
  }
}

}  // namespace shard::kernels
