// right: a thread copies four adjacent elements, so that a warp copies four rows
// ranks: 1
#include "common/cuda/launch.h"
#include "exercises/01_gemm/3_tiled_kernel.h"

namespace shard {

__global__ void input_gradient_kernel(int tokens, int in, int out, const float* dy, const float* a,
                                      float* dx) {
  __shared__ float dy_tile[tile][tile], a_tile[tile][tile + 1];
  const int row = threadIdx.y, column = threadIdx.x;
  const int i = blockIdx.y * tile + row, j = blockIdx.x * tile + column;
  float sum = 0;
  for (int first = 0; first < out; first += tile) {
    const int number = row * tile + column, copied = number / 8, start = number % 8 * 4;
    const bool is_a = number >= 256;  // each 256 threads copy a tile
    const int r = copied % tile, source = (is_a ? blockIdx.x : blockIdx.y) * tile + r;
    for (int n = 0; n < 4 && number < 512; ++n) {
      const int from = first + start + n;
      const bool inside = source < (is_a ? in : tokens) && from < out;
      (is_a ? a_tile[r] : dy_tile[r])[start + n] =
          inside ? (is_a ? a : dy)[int64_t{source} * out + from] : 0.0f;
    }
    __syncthreads();
    for (int n = 0; n < tile; ++n) sum += dy_tile[row][n] * a_tile[column][n];
    __syncthreads();
  }
  if (i < tokens && j < in) dx[int64_t{i} * in + j] = sum;
}

void input_gradient(int tokens, int in, int out, const float* dy, const float* a, float* dx,
                    cudaStream_t stream) {
  const dim3 grid((in + tile - 1) / tile, (tokens + tile - 1) / tile), block(tile, tile);
  launch(input_gradient_kernel, grid, block, 0, stream, tokens, in, out, dy, a, dx);
}

}  // namespace shard
