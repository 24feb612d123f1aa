// The backward pass of attention in bf16 on tensor cores, in two kernels: dq by blocks of queries,
// dk and dv by blocks of keys. Each computes the probabilities again, from the log-sum-exp (Dao,
// arXiv:2307.08691, algorithm 2, divided as in Triton's tutorial on fused attention). That is 7
// products instead of 5; but one kernel would add to dq from many blocks, in an order that changes
// from run to run. For each tile, with m the dropout's factors and D = Σ dout ∘ output of a query:
//   p = 2^(scale·log₂e·Q·Kᵀ - log₂e·log_sum_exp)      ds = p ∘ (m ∘ dO·Vᵀ - D)
//   dQ = scale·ds·K      dK = scale·dsᵀ·Q      dV = (m ∘ p)ᵀ·dO
// As in the forward pass, a NaN also reaches what does not see it, within a tile.
#pragma once
#include "common/cuda/kernels/pack.cuh"
#include "common/cuda/kernels/tiled_attention.cuh"

namespace shard::kernels {

/// Sizes as in the forward pass; see there.
template <int width>
struct QueryGradientTiles {
  static constexpr int rows = query_gradient_tiles(width).rows, rows_of_warp = rows / tiled_warps,
                       keys = query_gradient_tiles(width).columns;
  using Queries = Tile<rows, width>;
  using Keys = TwoTiles<Tile<keys, width>>;
  static constexpr int shared_bytes =
      2 * (Queries::elements + Keys::elements) * static_cast<int>(sizeof(BFloat16));
  static_assert(shared_bytes <= 99 * 1024);
};

template <int width>
struct KeyGradientTiles {
  static constexpr int rows = key_gradient_tiles(width).rows, rows_of_warp = rows / tiled_warps,
                       queries = key_gradient_tiles(width).columns;
  using Keys = Tile<rows, width>;
  using Queries = TwoTiles<Tile<queries, width>>;
  /// Behind the tiles: the log-sum-exps and D of two tiles of queries.
  static constexpr int elements = 2 * (Keys::elements + Queries::elements),
                       shared_bytes = elements * static_cast<int>(sizeof(BFloat16)) +
                                      4 * queries * static_cast<int>(sizeof(float));
  static_assert(shared_bytes <= 99 * 1024);
};

/// Of a query's log-sum-exp: what p's exponent of 2 subtracts. A query that sees no key has -∞, and
/// one past the end nothing; ∞ makes all their probabilities 0.
inline __device__ float exponent_shift(const float* log_sum_exp, int query, int queries) {
  const float value = query < queries ? log_sum_exp[query] : -INFINITY;
  return value == -INFINITY ? INFINITY : value * log2_e;
}
inline __device__ float sum_of(const float* sums, int query, int queries) {
  return query < queries ? sums[query] : 0.0f;
}

/// D of a query, which is written to `sums`; 0 past the end. By the four threads that hold a row
/// together, with all others of the warp.
template <int width>
__device__ float sum_of_row(const AttentionInputs<BFloat16>& in, int64_t matrix, int query,
                            int queries) {
  constexpr int n = 8, threads_of_row = 4;
  const int thread = static_cast<int>(threadIdx.x) % threads_of_row;
  float sum = 0;
#pragma unroll
  for (int column = n * thread; column < width; column += n * threads_of_row) {
    if (query >= queries) continue;
    const Floats<n> a = load_floats<n>(in.dout.row(matrix, query) + column),
                    b = load_floats<n>(in.output.row(matrix, query) + column);
#pragma unroll
    for (int e = 0; e < n; ++e) sum += a.at[e] * b.at[e];
  }
  sum += __shfl_xor_sync(~0u, sum, 1);
  sum += __shfl_xor_sync(~0u, sum, 2);
  if (thread == 0 && query < queries) in.sums[matrix * queries + query] = sum;
  return sum;
}

/// Grid: ⌈queries / rows⌉ blocks for each matrix. It computes D, too, for the other kernel.
template <int width, bool with_dropout>
__global__ void __launch_bounds__(tiled_threads)
    tiled_query_gradient(Matrices<BFloat16> dq, AttentionInputs<BFloat16> in) {
  using Tiles = QueryGradientTiles<width>;
  const auto queries = static_cast<int>(in.sizes.queries), keys = static_cast<int>(in.sizes.keys);
  const int blocks = tiles_of_rows(queries, Tiles::rows);
  const auto [matrix, number] = tiled_part(blocks);
  const int first = (blocks - 1 - number) * Tiles::rows;  // the block with most keys begins
  const int warp_row = static_cast<int>(threadIdx.x) / 32 * Tiles::rows_of_warp;
  const int64_t seen = in.settings.seen_keys(min(first + Tiles::rows, queries) - 1, keys);
  const int tiles = tiles_of_rows(seen, Tiles::keys);
  const float scale = in.settings.scale * log2_e;

  auto* const memory = dynamic_shared<BFloat16>();
  const typename Tiles::Queries q(memory), dout(memory + Tiles::Queries::elements);
  const typename Tiles::Keys k(memory + 2 * Tiles::Queries::elements),
      v(memory + 2 * Tiles::Queries::elements + Tiles::Keys::elements);
  const auto start_keys = [&](int tile) {
    k[tile].start_copy(in.k[matrix], in.k.steps.row, tile * Tiles::keys, keys);
    v[tile].start_copy(in.v[matrix], in.v.steps.row, tile * Tiles::keys, keys);
  };
  if (tiles > 0) {
    q.start_copy(in.q[matrix], in.q.steps.row, first, queries);
    dout.start_copy(in.dout[matrix], in.dout.steps.row, first, queries);
    start_keys(0);
  }
  commit_copies();
  WarpMatrix<Tiles::rows_of_warp, width> sums;
  float shifts[sums.my_rows], row_sums[sums.my_rows], scales[sums.my_rows];
#pragma unroll
  for (int i = 0; i < sums.my_rows; ++i) {
    const int query = first + warp_row + sums.row(i);
    shifts[i] = exponent_shift(in.log_sum_exp + matrix * queries, query, queries);
    row_sums[i] = sum_of_row<width>(in, matrix, query, queries);
    scales[i] = in.settings.scale;
  }
  for (int tile = 0; tile < tiles; ++tile) {
    __syncthreads();  // the tiles before have been read
    if (tile + 1 < tiles) start_keys(tile + 1);
    commit_copies();
    wait_for_copies<1>();
    __syncthreads();
    WarpMatrix<Tiles::rows_of_warp, Tiles::keys> p, ds;
    add_product_transposed(p, q, warp_row, k[tile]);
    mask_scores(p, in.settings, first + warp_row, tile * Tiles::keys, keys);
    add_product_transposed(ds, dout, warp_row, v[tile]);
    if constexpr (with_dropout) drop(ds, in.settings, matrix, first + warp_row, tile * Tiles::keys);
#pragma unroll
    for (int i = 0; i < p.my_rows; ++i) {
#pragma unroll
      for (int j = 0; j < p.my_columns; ++j) {
        ds.at(i, j) =
            (ds.at(i, j) - row_sums[i]) * exp2_approximate(p.at(i, j) * scale - shifts[i]);
      }
    }
    add_product(sums, ds, k[tile]);
  }
  wait_for_copies<0>();
  store_rows(dq[matrix], dq.steps.row, first + warp_row, queries, sums, scales);
}

/// Grid: ⌈keys / rows⌉ blocks for each matrix. Everything is transposed, with a row for each key:
/// pᵀ and dsᵀ then lie where their products need them.
template <int width, bool with_dropout>
__global__ void __launch_bounds__(tiled_threads)
    tiled_key_gradients(Matrices<BFloat16> dk, Matrices<BFloat16> dv,
                        AttentionInputs<BFloat16> in) {
  using Tiles = KeyGradientTiles<width>;
  const auto queries = static_cast<int>(in.sizes.queries), keys = static_cast<int>(in.sizes.keys);
  const auto [matrix, number] = tiled_part(tiles_of_rows(keys, Tiles::rows));
  const int first = number * Tiles::rows;  // the first block is seen by most queries
  const int warp_row = static_cast<int>(threadIdx.x) / 32 * Tiles::rows_of_warp;
  const int begin = static_cast<int>(in.settings.first_seeing(first, queries)) / Tiles::queries;
  const int end = tiles_of_rows(queries, Tiles::queries);
  const float scale = in.settings.scale * log2_e;

  auto* const memory = dynamic_shared<BFloat16>();
  const typename Tiles::Keys k(memory), v(memory + Tiles::Keys::elements);
  const typename Tiles::Queries q(memory + 2 * Tiles::Keys::elements),
      dout(memory + 2 * Tiles::Keys::elements + Tiles::Queries::elements);
  auto* const shifts = reinterpret_cast<float*>(memory + Tiles::elements);  // [2 × queries]
  float* const query_sums = shifts + 2 * Tiles::queries;
  const auto start_queries = [&](int tile) {
    const int first_query = tile * Tiles::queries, buffer = tile % 2 * Tiles::queries;
    q[tile].start_copy(in.q[matrix], in.q.steps.row, first_query, queries);
    dout[tile].start_copy(in.dout[matrix], in.dout.steps.row, first_query, queries);
    for (int i = threadIdx.x; i < Tiles::queries; i += tiled_threads) {
      const int query = first_query + i;
      shifts[buffer + i] = exponent_shift(in.log_sum_exp + matrix * queries, query, queries);
      query_sums[buffer + i] = sum_of(in.sums + matrix * queries, query, queries);
    }
  };
  if (begin < end) {
    k.start_copy(in.k[matrix], in.k.steps.row, first, keys);
    v.start_copy(in.v[matrix], in.v.steps.row, first, keys);
    start_queries(begin);
  }
  commit_copies();
  const DropoutFactors<true> factors_of(in.settings, matrix);
  WarpMatrix<Tiles::rows_of_warp, width> k_sums, v_sums;
  int seeing[k_sums.my_rows];  // the first query that sees each of this thread's keys
#pragma unroll
  for (int i = 0; i < k_sums.my_rows; ++i) {
    const int key = first + warp_row + k_sums.row(i);
    seeing[i] = static_cast<int>(in.settings.first_seeing(key, queries));
  }
  for (int tile = begin; tile < end; ++tile) {
    const int first_query = tile * Tiles::queries, buffer = tile % 2 * Tiles::queries;
    __syncthreads();  // the tiles before have been read
    if (tile + 1 < end) start_queries(tile + 1);
    commit_copies();
    wait_for_copies<1>();
    __syncthreads();
    WarpMatrix<Tiles::rows_of_warp, Tiles::queries> p, ds;
    add_product_transposed(p, k, warp_row, q[tile]);
    add_product_transposed(ds, v, warp_row, dout[tile]);
#pragma unroll
    for (int m = 0; m < p.my_rows / 2; ++m) {
#pragma unroll
      for (int n = 0; n < p.my_columns / 2; ++n) {
        float factors[4] = {1, 1, 1, 1};
        if constexpr (with_dropout)
          factors_of(factors, first_query + 8 * n, first + warp_row + 16 * m);
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int column = p.column(2 * n + e % 2);
          float &of_p = p.parts[m][n][e], &of_ds = ds.parts[m][n][e];
          const float score = first_query + column < seeing[2 * m + e / 2] ? -INFINITY : of_p;
          const float probability = exp2_approximate(score * scale - shifts[buffer + column]);
          of_p = factors[e] * probability;
          of_ds = probability * (factors[e] * of_ds - query_sums[buffer + column]);
        }
      }
    }
    add_product(v_sums, p, dout[tile]);
    add_product(k_sums, ds, q[tile]);
  }
  wait_for_copies<0>();
  float scales[k_sums.my_rows], ones[v_sums.my_rows];
#pragma unroll
  for (int i = 0; i < k_sums.my_rows; ++i) {
    scales[i] = in.settings.scale;
    ones[i] = 1;
  }
  store_rows(dk[matrix], dk.steps.row, first + warp_row, keys, k_sums, scales);
  store_rows(dv[matrix], dv.steps.row, first + warp_row, keys, v_sums, ones);
}

}  // namespace shard::kernels
