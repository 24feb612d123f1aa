// Exercise 01.3: a tiled kernel for the backward pass, of any size.
//
// Chapter 01's tiled kernel computes Y = X·A. The gradient dX = dY·Aᵀ sums along the rows of both
// matrices: dX[i][j] = Σ over k of dY[i][k]·A[j][k]. If adjacent threads read A[j][k] from global
// memory, each would read another row, and the reads would not be coalesced. So both tiles are
// copied along rows, and A's tile is read down its columns only in shared memory. There the 32
// threads of a warp read at once what lies in 32 different banks, and a word's bank is its number
// modulo 32: a column of a [32 × 32] tile lies in one bank, of a [32 × 33] tile in 32. (NVIDIA,
// CUDA C++ Programming Guide, "Shared Memory".)
//
// Write: the kernel's body, and its launch on as many blocks as dX needs. About 16 lines.
// Shapes: dy [tokens × out], a [in × out] → dx [tokens × in]; element (i, k) of dy is dy[i * out +
//         k].
// Tested: on an emulated GPU, so that no GPU is needed. It runs the threads of a block one after
//         the other, from barrier to barrier, and ends with a message if a thread accesses memory
//         out of bounds or if not all threads reach a barrier. The test also looks at which
//         elements of global memory the 32 threads of a warp access at once, and how often. Banks
//         decide the time only, so both sizes of the tile are right.
// Ledger: nothing is communicated.
#include "common/cuda/launch.h"
#include "exercises/01_gemm/3_tiled_kernel.h"
#include "exercises/todo.h"

namespace shard {

__global__ void input_gradient_kernel(int tokens, int in, int out, const float* dy, const float* a,
                                      float* dx) {
  __shared__ float dy_tile[tile][tile], a_tile[tile][tile];
}

void input_gradient(int tokens, int in, int out, const float* dy, const float* a, float* dx,
                    cudaStream_t stream) {
  // launch(input_gradient_kernel, grid, block, 0, stream, tokens, in, out, dy, a, dx);
  todo("input_gradient");
}

}  // namespace shard
