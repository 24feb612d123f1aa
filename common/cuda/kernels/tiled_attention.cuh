// Attention in bf16 on tensor cores. A block of 4 warps takes a tile of queries and goes over the
// keys in tiles; scores and probabilities of a tile are in registers only (Dao, arXiv:2307.08691,
// algorithm 1). For each tile of keys, with s = scale·log₂e·Q·Kᵀ:
//   max' = max(max, row_max(s))      shrink = 2^(max - max')      p = 2^(s - max')
//   sum = shrink·sum + row_sum(p)    O = shrink·O + p·V
// and in the end O / sum, and the log-sum-exp ln2·max + ln(sum). Queries that see no key have sum =
// 0. As 0 · NaN is NaN, a NaN in V also reaches queries that do not see it, if another
// query of the tile does.
#pragma once
#include "common/cuda/device.cuh"
#include "common/cuda/kernels/attention_dropout.cuh"
#include "common/cuda/kernels/attention_inputs.cuh"
#include "common/cuda/kernels/tile.cuh"
#include "common/tensor/attention_tiles.h"

namespace shard::kernels {

constexpr float log2_e = 1.4426950408889634f;

/// The sizes: as large as the 255 registers of a thread allow without a spill, which the test
/// cuda.registers checks, and within the 99 KiB of shared memory that every GPU with bf16 has. 32
/// rows a warp where they fit, as with 16 the loads from shared memory would set the pace.
template <int width>
struct ForwardTiles {
  static constexpr int rows = forward_tiles(width).rows, rows_of_warp = rows / tiled_warps,
                       keys = forward_tiles(width).columns;
  using Queries = Tile<rows, width>;
  using Keys = TwoTiles<Tile<keys, width>>;
  static constexpr int shared_bytes =
      (Queries::elements + 2 * Keys::elements) * static_cast<int>(sizeof(BFloat16));
  static_assert(shared_bytes <= 99 * 1024);
};

/// A block's part of a grid that has `of_matrix` blocks for each matrix.
struct TiledPart {
  int64_t matrix;
  int tile;
};
inline __device__ TiledPart tiled_part(int of_matrix) {
  const int number = static_cast<int>(blockIdx.x);
  return {number / of_matrix, number % of_matrix};
}

inline __host__ __device__ int tiles_of_rows(int64_t rows, int rows_of_tile) {
  return static_cast<int>((rows + rows_of_tile - 1) / rows_of_tile);
}

/// Over the four threads that share a row of a WarpMatrix.
inline __device__ float max_of_row(float x) {
  x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
  return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}
inline __device__ float sum_of_row(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}

/// Scores of the keys from first_key on that their queries, from first_query on, do not see become
/// -∞.
template <int rows, int columns>
__device__ void mask_scores(WarpMatrix<rows, columns>& scores, const AttentionSettings& settings,
                            int first_query, int first_key, int64_t keys) {
  if (first_key + columns <= settings.seen_keys(first_query, keys)) return;  // all are seen
#pragma unroll
  for (int i = 0; i < scores.my_rows; ++i) {
    const auto seen = static_cast<int>(settings.seen_keys(first_query + scores.row(i), keys));
#pragma unroll
    for (int j = 0; j < scores.my_columns; ++j) {
      if (first_key + scores.column(j) >= seen) scores.at(i, j) = -INFINITY;
    }
  }
}

/// The maximum so far of each of this thread's rows, and this thread's part of its sum.
template <int rows>
struct OnlineSoftmax {
  static constexpr int my_rows = rows / 8;
  float max[my_rows], sum[my_rows];

  __device__ OnlineSoftmax() {
#pragma unroll
    for (int i = 0; i < my_rows; ++i) {
      max[i] = -INFINITY;
      sum[i] = 0;
    }
  }

  /// scores ← p, with the maximum of all keys so far; `output` shrinks to it. `scale` is that of
  /// the exponents of 2.
  template <int columns, int width>
  __device__ void add(WarpMatrix<rows, columns>& scores, WarpMatrix<rows, width>& output,
                      float scale) {
#pragma unroll
    for (int i = 0; i < my_rows; ++i) {
      float new_max = max[i];
#pragma unroll
      for (int j = 0; j < scores.my_columns; ++j) new_max = fmaxf(new_max, scores.at(i, j));
      new_max = max_of_row(new_max);
      const float shift = new_max == -INFINITY ? 0.0f : new_max * scale;  // nothing is seen yet
      const float shrink = exp2_approximate(max[i] * scale - shift);
      max[i] = new_max;
      sum[i] *= shrink;
#pragma unroll
      for (int j = 0; j < output.my_columns; ++j) output.at(i, j) *= shrink;
#pragma unroll
      for (int j = 0; j < scores.my_columns; ++j) {
        scores.at(i, j) = exp2_approximate(scores.at(i, j) * scale - shift);
        sum[i] += scores.at(i, j);
      }
    }
  }

  /// When all keys have been added: the log-sum-exps of rows `first` … of `count`, and what the
  /// output's rows are multiplied by.
  __device__ void finish(float* log_sum_exp, int first, int64_t count, float scale,
                         float (&inverses)[my_rows]) const {
#pragma unroll
    for (int i = 0; i < my_rows; ++i) {
      const float total = sum_of_row(sum[i]);
      const int64_t row = first + WarpMatrix<rows, 8>::row(i);
      inverses[i] = total == 0.0f ? 0.0f : 1.0f / total;
      if (row < count && threadIdx.x % 4 == 0)
        log_sum_exp[row] = total == 0.0f ? -INFINITY : max[i] * scale + logf(total);
    }
  }
};

/// Grid: ⌈queries / rows⌉ blocks for each matrix. K of the next tile is copied while the softmax
/// and P·V of this one are computed, V of this one while S is.
template <int width, bool with_dropout>
__global__ void __launch_bounds__(tiled_threads)
    tiled_attention(Matrices<BFloat16> output, float* log_sum_exp, AttentionInputs<BFloat16> in) {
  using Tiles = ForwardTiles<width>;
  const auto queries = static_cast<int>(in.sizes.queries), keys = static_cast<int>(in.sizes.keys);
  const int blocks = tiles_of_rows(queries, Tiles::rows);
  const auto [matrix, number] = tiled_part(blocks);
  const int first = (blocks - 1 - number) * Tiles::rows;  // the block with most keys begins
  const int warp_row = static_cast<int>(threadIdx.x) / 32 * Tiles::rows_of_warp;
  const BFloat16 *const k_rows = in.k[matrix], *const v_rows = in.v[matrix];
  const int64_t k_step = in.k.steps.row, v_step = in.v.steps.row;
  const auto seen =
      static_cast<int>(in.settings.seen_keys(min(first + Tiles::rows, queries) - 1, keys));
  const int tiles = tiles_of_rows(seen, Tiles::keys);

  auto* const memory = dynamic_shared<BFloat16>();
  const typename Tiles::Queries q(memory);
  const typename Tiles::Keys k(memory + Tiles::Queries::elements),
      v(memory + Tiles::Queries::elements + Tiles::Keys::elements);
  if (tiles > 0) {
    q.start_copy(in.q[matrix], in.q.steps.row, first, queries);
    k[0].start_copy(k_rows, k_step, 0, keys);
  }
  commit_copies();
  const float scale = in.settings.scale * log2_e;
  OnlineSoftmax<Tiles::rows_of_warp> softmax;
  WarpMatrix<Tiles::rows_of_warp, width> sums;
  for (int tile = 0; tile < tiles; ++tile) {
    const int first_key = tile * Tiles::keys;
    v[tile].start_copy(v_rows, v_step, first_key, seen);
    commit_copies();
    wait_for_copies<1>();  // K is there
    __syncthreads();
    WarpMatrix<Tiles::rows_of_warp, Tiles::keys> p;
    add_product_transposed(p, q, warp_row, k[tile]);
    if (tile + 1 < tiles) k[tile + 1].start_copy(k_rows, k_step, first_key + Tiles::keys, keys);
    commit_copies();
    mask_scores(p, in.settings, first + warp_row, first_key, keys);
    softmax.add(p, sums, scale);
    if constexpr (with_dropout) drop(p, in.settings, matrix, first + warp_row, first_key);
    wait_for_copies<1>();  // V is there
    __syncthreads();
    add_product(sums, p, v[tile]);
  }
  wait_for_copies<0>();
  float inverses[softmax.my_rows];
  softmax.finish(log_sum_exp + matrix * queries, first + warp_row, queries, in.settings.scale,
                 inverses);
  store_rows(output[matrix], output.steps.row, first + warp_row, queries, sums, inverses);
}

}  // namespace shard::kernels
