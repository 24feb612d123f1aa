// expect: transposed within each tile: threadIdx.y gives the row of dX
// ranks: 1
#include "common/cuda/launch.h"
#include "exercises/01_gemm/3_tiled_kernel.h"

namespace shard {

__global__ void input_gradient_kernel(int tokens, int in, int out, const float* dy, const float* a,
                                      float* dx) {
  __shared__ float dy_tile[tile][tile], a_tile[tile][tile + 1];
  const int row = threadIdx.y, column = threadIdx.x;
  const int i = blockIdx.y * tile + row, j = blockIdx.x * tile + column,
            row_of_a = blockIdx.x * tile + row;
  float sum = 0;
  for (int first = 0; first < out; first += tile) {
    const int k = first + column;
    dy_tile[row][column] = i < tokens && k < out ? dy[int64_t{i} * out + k] : 0.0f;
    a_tile[row][column] = row_of_a < in && k < out ? a[int64_t{row_of_a} * out + k] : 0.0f;
    __syncthreads();
    for (int n = 0; n < tile; ++n) sum += dy_tile[row][n] * a_tile[column][n];
    __syncthreads();
  }
  const int i_written = blockIdx.y * tile + column, j_written = blockIdx.x * tile + row;
  if (i_written < tokens && j_written < in) dx[int64_t{i_written} * in + j_written] = sum;
}

void input_gradient(int tokens, int in, int out, const float* dy, const float* a, float* dx,
                    cudaStream_t stream) {
  const dim3 grid((in + tile - 1) / tile, (tokens + tile - 1) / tile), block(tile, tile);
  launch(input_gradient_kernel, grid, block, 0, stream, tokens, in, out, dy, a, dx);
}

}  // namespace shard
