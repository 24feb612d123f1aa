// Tiles of bf16 matrices in shared memory, and their products on tensor cores (mma.cuh).
#pragma once
#include "common/cuda/mma.cuh"

namespace shard::kernels {

/// Of all kernels with tiles, in a block.
constexpr int tiled_warps = 4, tiled_threads = 32 * tiled_warps;

/// A matrix in f32 that the 32 threads of a warp hold together, as the sums of mma are laid out. A
/// thread has my_rows × my_columns of its elements.
template <int rows, int columns>
struct WarpMatrix {
  static constexpr int my_rows = rows / 8, my_columns = columns / 4;
  float parts[rows / 16][columns / 8][4] = {};

  /// The element in this thread's i-th row and j-th column.
  __device__ float& at(int i, int j) { return parts[i / 2][j / 2][i % 2 * 2 + j % 2]; }
  __device__ float at(int i, int j) const { return parts[i / 2][j / 2][i % 2 * 2 + j % 2]; }
  /// Which row and which column of the matrix these are.
  static __device__ int row(int i) { return i * 8 + static_cast<int>(threadIdx.x) % 32 / 4; }
  static __device__ int column(int j) {
    return j / 2 * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + j % 2;
  }

  /// Rows 16·m … and columns 16·n …, rounded to bf16, as the left factor of mma.
  __device__ void as_left_factor(uint32_t (&a)[4], int m, int n) const {
    const float(&left)[4] = parts[m][2 * n], (&right)[4] = parts[m][2 * n + 1];
    a[0] = pack(left[0], left[1]);
    a[1] = pack(left[2], left[3]);
    a[2] = pack(right[0], right[1]);
    a[3] = pack(right[2], right[3]);
  }
};

/// Rows of a bf16 matrix in shared memory. Each is padded by 16 bytes: the 8 rows that ldmatrix
/// reads at once then begin in different banks, whatever the width.
template <int tile_rows, int tile_width>
class Tile {
 public:
  static constexpr int rows = tile_rows, width = tile_width, row_elements = width + 8,
                       elements = rows * row_elements;

  __device__ explicit Tile(BFloat16* memory) : memory_(memory) {}

  /// Starts to copy the rows from `first` on of a matrix that has `count`, each row_step elements
  /// behind the one before: zeros behind its end. By all threads of the block.
  __device__ void start_copy(const BFloat16* matrix, int64_t row_step, int first, int count) const {
    constexpr int elements_of_copy = 8, of_row = width / elements_of_copy;
#pragma unroll
    for (int i = threadIdx.x; i < rows * of_row; i += tiled_threads) {
      const int row = i / of_row, column = i % of_row * elements_of_copy;
      const bool valid = first + row < count;
      const int64_t from = valid ? (first + row) * row_step : 0;
      copy_async(memory_ + row * row_elements + column, matrix + from + column, valid);
    }
  }

  /// Rows row … row + 15 and columns column … column + 15, as the left factor of mma.
  __device__ void as_left_factor(uint32_t (&a)[4], int row, int column) const {
    load_matrices(a, at(row + lane() % 16, column + lane() / 16 * 8));
  }
  /// The same, transposed, as two right factors side by side: b[0], b[1] and b[2], b[3].
  __device__ void transposed_as_right_factor(uint32_t (&b)[4], int row, int column) const {
    load_matrices(b, at(row + lane() % 8 + lane() / 16 * 8, column + lane() / 8 % 2 * 8));
  }
  /// Not transposed.
  __device__ void as_right_factor(uint32_t (&b)[4], int row, int column) const {
    load_matrices<true>(b, at(row + lane() % 16, column + lane() / 16 * 8));
  }

 private:
  static __device__ int lane() { return static_cast<int>(threadIdx.x) % 32; }
  __device__ const BFloat16* at(int row, int column) const {
    return memory_ + row * row_elements + column;
  }

  BFloat16* memory_;
};

/// Two tiles: one is read while the next one is copied into the other.
template <class Tile>
class TwoTiles {
 public:
  static constexpr int elements = 2 * Tile::elements;
  __device__ explicit TwoTiles(BFloat16* memory) : memory_(memory) {}
  __device__ Tile operator[](int i) const { return Tile(memory_ + i % 2 * Tile::elements); }

 private:
  BFloat16* memory_;
};

/// sums += a·b for each of the left factors, b being two right factors side by side.
template <int m, int columns>
__device__ void multiply_add(WarpMatrix<16 * m, columns>& sums, const uint32_t (&a)[m][4],
                             const uint32_t (&b)[4], int column) {
#pragma unroll
  for (int i = 0; i < m; ++i) {
    mma(sums.parts[i][column / 8], a[i], b[0], b[1]);
    mma(sums.parts[i][column / 8 + 1], a[i], b[2], b[3]);
  }
}

/// sums [rows × Right::rows] += left · rightᵀ, with the rows of `left` from first_row on.
template <int rows, int columns, class Left, class Right>
__device__ void add_product_transposed(WarpMatrix<rows, columns>& sums, const Left& left,
                                       int first_row, const Right& right) {
#pragma unroll
  for (int k = 0; k < Left::width; k += 16) {
    uint32_t a[rows / 16][4];
#pragma unroll
    for (int m = 0; m < rows / 16; ++m) left.as_left_factor(a[m], first_row + 16 * m, k);
#pragma unroll
    for (int n = 0; n < columns; n += 16) {
      uint32_t b[4];
      right.transposed_as_right_factor(b, n, k);
      multiply_add(sums, a, b, n);
    }
  }
}

/// sums [rows × Right::width] += left · right. `left` is rounded to bf16: as sums of mma it already
/// lies where its next product needs it, and does not go through shared memory.
template <int rows, int inner, int columns, class Right>
__device__ void add_product(WarpMatrix<rows, columns>& sums, const WarpMatrix<rows, inner>& left,
                            const Right& right) {
#pragma unroll
  for (int k = 0; k < inner; k += 16) {
    uint32_t a[rows / 16][4];
#pragma unroll
    for (int m = 0; m < rows / 16; ++m) left.as_left_factor(a[m], m, k / 16);
#pragma unroll
    for (int n = 0; n < columns; n += 16) {
      uint32_t b[4];
      right.as_right_factor(b, k, n);
      multiply_add(sums, a, b, n);
    }
  }
}

/// Writes the warp's rows, each times factors[i] and rounded to bf16, to those from `first` on of a
/// matrix [count × columns], whose rows are row_step elements apart.
template <int rows, int columns>
__device__ void store_rows(BFloat16* matrix, int64_t row_step, int first, int count,
                           const WarpMatrix<rows, columns>& x, const float (&factors)[rows / 8]) {
#pragma unroll
  for (int i = 0; i < x.my_rows; ++i) {
    const int row = first + x.row(i);
    if (row >= count) continue;
#pragma unroll
    for (int j = 0; j < x.my_columns; j += 2) {
      *reinterpret_cast<uint32_t*>(matrix + row * row_step + x.column(j)) =
          pack(factors[i] * x.at(i, j), factors[i] * x.at(i, j + 1));
    }
  }
}

}  // namespace shard::kernels
