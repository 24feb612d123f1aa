// The kernels of the GPU's ladder (gpu_ladder.h). In all of them Y's columns run along x, its rows
// along y.
#include "chapters/01_gemm/gpu_ladder.h"
#include "common/cuda/cuda_backend.h"
#include "common/cuda/launch.h"

namespace shard {
namespace {

constexpr int tile = 32;  // threads of a warp, and the side of a block and of its tiles

//! [01-gpu-naive]
__device__ float dot_product(int in, int64_t out, const float* x_row, const float* a_column) {
  float sum = 0;
  for (int k = 0; k < in; ++k) sum += x_row[k] * a_column[k * out];
  return sum;
}

__global__ void uncoalesced_kernel(int tokens, int in, int out, const float* x, const float* a,
                                   float* y) {
  const int64_t i = int64_t{blockIdx.y} * tile + threadIdx.x,
                j = int64_t{blockIdx.x} * tile + threadIdx.y;
  if (i < tokens && j < out) y[i * out + j] = dot_product(in, out, x + i * in, a + j);
}

__global__ void coalesced_kernel(int tokens, int in, int out, const float* x, const float* a,
                                 float* y) {
  const int64_t i = int64_t{blockIdx.y} * tile + threadIdx.y,
                j = int64_t{blockIdx.x} * tile + threadIdx.x;
  if (i < tokens && j < out) y[i * out + j] = dot_product(in, out, x + i * in, a + j);
}
//! [01-gpu-naive]

//! [01-gpu-tiled]
__global__ void tiled_kernel(int tokens, int in, int out, const float* x, const float* a,
                             float* y) {
  __shared__ float x_tile[tile][tile], a_tile[tile][tile];
  const int row = threadIdx.y, column = threadIdx.x;
  const int64_t i = int64_t{blockIdx.y} * tile + row, j = int64_t{blockIdx.x} * tile + column;
  float sum = 0;
  for (int first = 0; first < in; first += tile) {
    x_tile[row][column] = i < tokens && first + column < in ? x[i * in + first + column] : 0.0f;
    a_tile[row][column] = first + row < in && j < out ? a[(first + row) * out + j] : 0.0f;
    __syncthreads();  // the tiles are complete
    for (int k = 0; k < tile; ++k) sum += x_tile[row][k] * a_tile[k][column];
    __syncthreads();  // all threads are done with them
  }
  if (i < tokens && j < out) y[i * out + j] = sum;
}
//! [01-gpu-tiled]

// ---- Sums in registers --------------------------------------------------------------------------

// A block of 256 threads computes [128 × 128] of Y, from [128 × 8] of X and [8 × 128] of A at a
// time. Its warps are arranged 4 × 2, each with [32 × 64] of Y; the 32 threads of a warp are
// arranged 4 × 8. A thread's [8 × 8] are four squares of [4 × 4], half of the warp's part from one
// to the next, so that neighbours read neighbouring vectors of shared memory, which no two of them
// find in the same bank.
constexpr int threads = 256, side = 128, depth = 8;
constexpr int row_gap = 16, column_gap = 32;

/// 4 floats, of which the first `inside` belong to the matrix; 0 for the others. `vectors`: the
/// address is a multiple of 16 bytes, and all 4 are inside or none.
template <bool vectors>
__device__ __forceinline__ float4 load_4(const float* from, int inside) {
  if constexpr (vectors) {
    return inside > 0 ? *reinterpret_cast<const float4*>(from) : float4{0, 0, 0, 0};
  } else {
    return {inside > 0 ? from[0] : 0, inside > 1 ? from[1] : 0, inside > 2 ? from[2] : 0,
            inside > 3 ? from[3] : 0};
  }
}

template <bool vectors>
__device__ __forceinline__ void store_4(float* to, const float* values, int inside) {
  if constexpr (vectors) {
    if (inside > 0) *reinterpret_cast<float4*>(to) = {values[0], values[1], values[2], values[3]};
  } else {
    for (int i = 0; i < 4 && i < inside; ++i) to[i] = values[i];
  }
}

/// 4 floats from shared memory, and 4 more `gap` behind them.
__device__ __forceinline__ void read_8(float (&values)[8], const float* from, int gap) {
  const float4 low = *reinterpret_cast<const float4*>(from),
               high = *reinterpret_cast<const float4*>(from + gap);
  values[0] = low.x, values[1] = low.y, values[2] = low.z, values[3] = low.w;
  values[4] = high.x, values[5] = high.y, values[6] = high.z, values[7] = high.w;
}

/// X's part stands on its side, so that a thread's rows are neighbours. 4 floats after each row of
/// it put the elements that a warp writes at once into different banks.
struct alignas(16) Tiles {
  float x[depth][side + 4], a[depth][side];
};

//! [01-gpu-registers]
/// sum [8 × 8] += a column of X's part times a row of A's, `depth` times: all of the arithmetic
/// happens here.
__device__ __forceinline__ void multiply_tiles(float (&sum)[8][8], const Tiles& tiles, int row,
                                               int column) {
#pragma unroll
  for (int k = 0; k < depth; ++k) {
    float x[8], a[8];
    read_8(x, &tiles.x[k][row], row_gap);
    read_8(a, &tiles.a[k][column], column_gap);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
      for (int j = 0; j < 8; ++j) sum[i][j] += x[i] * a[j];
    }
  }
}

/// The thread's part of Y, whose first element is (row, column).
template <bool vectors>
__device__ __forceinline__ void store_sums(const float (&sum)[8][8], int row, int column,
                                           int tokens, int out, float* y) {
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int at = row + (i < 4 ? i : i - 4 + row_gap);
    if (at >= tokens) continue;
    float* to = y + int64_t{at} * out + column;
    store_4<vectors>(to, &sum[i][0], out - column);
    store_4<vectors>(to + column_gap, &sum[i][4], out - column - column_gap);
  }
}

template <bool vectors>
__global__ void __launch_bounds__(threads, vectors ? 2 : 1)
    register_tiled_kernel(int tokens, int in, int out, const float* x, const float* a, float* y) {
  __shared__ Tiles tiles[2];  // one is multiplied, one is filled
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
  const int first_row = static_cast<int>(blockIdx.y) * side,
            first_column = static_cast<int>(blockIdx.x) * side;

  // The 4 floats of X and of A that this thread copies from global to shared memory in each turn.
  const int x_row = thread / 2, x_k = thread % 2 * 4, a_k = thread / 32, a_column = thread % 32 * 4;
  const int x_inside = first_row + x_row < tokens ? in - x_k : 0,
            a_inside = out - first_column - a_column;
  const float* x_from = x + int64_t{first_row + x_row} * in + x_k;
  const float* a_from = a + int64_t{a_k} * out + first_column + a_column;
  float4 x_next, a_next;
  const auto load = [&](int k) {  // called with 0, depth, 2·depth, …
    x_next = load_4<vectors>(x_from, x_inside - k);
    a_next = load_4<vectors>(a_from, k + a_k < in ? a_inside : 0);
    x_from += depth;
    a_from += int64_t{depth} * out;
  };
  const auto put_into = [&](Tiles& to) {
    to.x[x_k][x_row] = x_next.x, to.x[x_k + 1][x_row] = x_next.y;
    to.x[x_k + 2][x_row] = x_next.z, to.x[x_k + 3][x_row] = x_next.w;
    *reinterpret_cast<float4*>(&to.a[a_k][a_column]) = a_next;
  };

  const int row = warp / 2 * 32 + lane / 8 * 4, column = warp % 2 * 64 + lane % 8 * 4;
  float sum[8][8] = {};
  load(0);
  put_into(tiles[0]);
  __syncthreads();
  int turn = 0;
  for (int k = depth; k < in; k += depth, turn = 1 - turn) {
    load(k);  // arrives while the multiply-adds run
    multiply_tiles(sum, tiles[turn], row, column);
    put_into(tiles[1 - turn]);
    __syncthreads();  // filled, and the other one is done with
  }
  multiply_tiles(sum, tiles[turn], row, column);
  store_sums<vectors>(sum, first_row + row, first_column + column, tokens, out, y);
}
//! [01-gpu-registers]

// ---- How they are started -----------------------------------------------------------------------

using Kernel = void (*)(int tokens, int in, int out, const float* x, const float* a, float* y);

/// A block for each [block_side × block_side] of Y.
void start(Kernel kernel, int block_side, dim3 block, const Tensor& x, const Tensor& a, Tensor& y) {
  const int64_t tokens = x.rows(), in = x.columns(), out = a.columns(), largest = int64_t{1} << 30;
  require(tokens <= largest && in <= largest && out <= largest,
          "the kernels count rows and columns in an int: ", x.shape(), " · ", a.shape(),
          " is too large");
  const auto blocks = [&](int64_t size) {
    return static_cast<unsigned>((size + block_side - 1) / block_side);
  };
  const dim3 grid(blocks(out), blocks(tokens));
  require(grid.y <= 65535, "a grid has at most 65535 rows of blocks; ", tokens, " tokens make ",
          grid.y);
  launch(kernel, grid, block, 0, dynamic_cast<CudaBackend&>(y.backend()).compute_stream(), tokens,
         in, out, x.data<float>(), a.data<float>(), y.data<float>());
}

bool is_whole_vectors(const Tensor& matrix) {
  return matrix.columns() % 4 == 0 &&
         reinterpret_cast<uintptr_t>(matrix.address()) % sizeof(float4) == 0;
}

}  // namespace
}  // namespace shard

using namespace shard;

void gpu_uncoalesced_gemm(const Tensor& x, const Tensor& a, Tensor& y) {
  start(uncoalesced_kernel, tile, {tile, tile}, x, a, y);
}

void gpu_coalesced_gemm(const Tensor& x, const Tensor& a, Tensor& y) {
  start(coalesced_kernel, tile, {tile, tile}, x, a, y);
}

void gpu_tiled_gemm(const Tensor& x, const Tensor& a, Tensor& y) {
  start(tiled_kernel, tile, {tile, tile}, x, a, y);
}

void gpu_register_tiled_gemm(const Tensor& x, const Tensor& a, Tensor& y) {
  const bool vectors = is_whole_vectors(x) && is_whole_vectors(a) && is_whole_vectors(y);
  start(vectors ? register_tiled_kernel<true> : register_tiled_kernel<false>, side, threads, x, a,
        y);
}
