#include "chapters/01_gemm/gemm_ladder.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace shard {

//! [01-naive]
void naive_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a, float* y) {
  for (int64_t i = 0; i < tokens; ++i) {
    for (int64_t j = 0; j < out; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < in; ++k) sum += x[i * in + k] * a[k * out + j];
      y[i * out + j] = sum;
    }
  }
}
//! [01-naive]

//! [01-reordered]
void reordered_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a,
                    float* y) {
  std::fill_n(y, tokens * out, 0.0f);
  for (int64_t i = 0; i < tokens; ++i) {
    for (int64_t k = 0; k < in; ++k) {
      for (int64_t j = 0; j < out; ++j) y[i * out + j] += x[i * in + k] * a[k * out + j];
    }
  }
}
//! [01-reordered]

// ---- The blocked product ------------------------------------------------------------------------
namespace {

#if defined(__AVX512F__)
constexpr int64_t vector_bytes = 64;
#elif defined(__AVX__)
constexpr int64_t vector_bytes = 32;
#else
constexpr int64_t vector_bytes = 16;
#endif
typedef float Vector __attribute__((vector_size(vector_bytes)));
constexpr int64_t lanes = vector_bytes / sizeof(float);

// A tile of Y: 6 rows of 2 vectors. The 12 sums, two vectors of A and an element of X fill 15
// registers of 16.
constexpr int64_t tile_rows = 6, tile_columns = 2 * lanes;
// A block of X is 96 KB and stays in the second cache; a panel of A (depth × tile_columns) stays in
// the first.
constexpr int64_t block_rows = 16 * tile_rows, block_depth = 256;

Vector load(const float* from) {
  Vector value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void add_to(float* to, const Vector& value) {
  const Vector sum = load(to) + value;
  std::memcpy(to, &sum, sizeof sum);
}

/// Rows [rows × depth] of X, copied so that a tile reads them one after the other: panels of
/// tile_rows, each [depth × tile_rows], zeros where there are no more rows.
void pack_x(const float* x, int64_t stride, int64_t rows, int64_t depth, float* packed) {
  for (int64_t row = 0; row < rows; row += tile_rows) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t i = row; i < row + tile_rows; ++i)
        *packed++ = i < rows ? x[i * stride + k] : 0.0f;
    }
  }
}

/// Rows [depth × columns] of A, likewise: panels of tile_columns, each [depth × tile_columns].
void pack_a(const float* a, int64_t stride, int64_t depth, int64_t columns, float* packed) {
  for (int64_t column = 0; column < columns; column += tile_columns) {
    const int64_t width = std::min(tile_columns, columns - column);
    for (int64_t k = 0; k < depth; ++k, packed += tile_columns) {
      std::copy_n(a + k * stride + column, width, packed);
      std::fill(packed + width, packed + tile_columns, 0.0f);
    }
  }
}

/// Y [tile_rows × tile_columns] += a panel of X times a panel of A: all of the arithmetic happens
/// here.
void multiply_tile(int64_t depth, const float* x, const float* a, float* y, int64_t stride) {
  Vector sum[tile_rows][2] = {};
  for (int64_t k = 0; k < depth; ++k, x += tile_rows, a += tile_columns) {
    const Vector left = load(a), right = load(a + lanes);
#pragma GCC unroll 6
    for (int64_t row = 0; row < tile_rows; ++row) {
      sum[row][0] += x[row] * left;
      sum[row][1] += x[row] * right;
    }
  }
#pragma GCC unroll 6
  for (int64_t row = 0; row < tile_rows; ++row) {
    add_to(y + row * stride, sum[row][0]);
    add_to(y + row * stride + lanes, sum[row][1]);
  }
}

/// The same for a tile that reaches past the edge of Y: computed beside it, then what belongs to Y
/// is added.
void multiply_edge(int64_t depth, const float* x, const float* a, float* y, int64_t stride,
                   int64_t rows, int64_t columns) {
  float tile[tile_rows * tile_columns] = {};
  multiply_tile(depth, x, a, tile, tile_columns);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) y[i * stride + j] += tile[i * tile_columns + j];
  }
}

int64_t rounded_up(int64_t size, int64_t step) { return (size + step - 1) / step * step; }

}  // namespace

//! [01-blocked]
void blocked_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a,
                  float* y) {
  std::vector<float> packed_x(static_cast<size_t>(block_rows * block_depth));
  std::vector<float> packed_a(static_cast<size_t>(block_depth * rounded_up(out, tile_columns)));
  std::fill_n(y, tokens * out, 0.0f);
  for (int64_t k = 0; k < in; k += block_depth) {  // a slice of the sum
    const int64_t depth = std::min(block_depth, in - k);
    pack_a(a + k * out, out, depth, out, packed_a.data());
    for (int64_t first = 0; first < tokens; first += block_rows) {  // a block of X
      const int64_t rows = std::min(block_rows, tokens - first);
      pack_x(x + first * in + k, in, rows, depth, packed_x.data());
      for (int64_t j = 0; j < out; j += tile_columns) {  // a panel of A
        for (int64_t i = 0; i < rows; i += tile_rows) {  // a tile of Y
          const float *x_panel = packed_x.data() + i * depth,
                      *a_panel = packed_a.data() + j * depth;
          float* tile = y + (first + i) * out + j;
          if (i + tile_rows <= rows && j + tile_columns <= out) {
            multiply_tile(depth, x_panel, a_panel, tile, out);
          } else {
            multiply_edge(depth, x_panel, a_panel, tile, out, std::min(tile_rows, rows - i),
                          std::min(tile_columns, out - j));
          }
        }
      }
    }
  }
}
//! [01-blocked]

const std::vector<Rung>& ladder() {
  static const std::vector<Rung> rungs{
      {"naive: i, j, k", "naive_gflops", naive_gemm, 1024},
      {"reordered: i, k, j", "reordered_gflops", reordered_gemm, 4096},
      {"blocked and tiled", "blocked_gflops", blocked_gemm, int64_t{1} << 30}};
  return rungs;
}

}  // namespace shard
