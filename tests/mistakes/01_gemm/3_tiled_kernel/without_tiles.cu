// expect: not tiled: each block reads each element of its rows of dY from global memory 32 times
// ranks: 1
#include "common/cuda/launch.h"
#include "exercises/01_gemm/3_tiled_kernel.h"

namespace shard {

__global__ void input_gradient_kernel(int tokens, int in, int out, const float* dy, const float* a,
                                      float* dx) {
  const int row = threadIdx.y, column = threadIdx.x;
  const int i = blockIdx.y * tile + row, j = blockIdx.x * tile + column;
  float sum = 0;
  if (i >= tokens || j >= in) return;
  for (int k = 0; k < out; ++k) sum += dy[int64_t{i} * out + k] * a[int64_t{j} * out + k];
  if (i < tokens && j < in) dx[int64_t{i} * in + j] = sum;
}

void input_gradient(int tokens, int in, int out, const float* dy, const float* a, float* dx,
                    cudaStream_t stream) {
  const dim3 grid((in + tile - 1) / tile, (tokens + tile - 1) / tile), block(tile, tile);
  launch(input_gradient_kernel, grid, block, 0, stream, tokens, in, out, dy, a, dx);
}

}  // namespace shard
