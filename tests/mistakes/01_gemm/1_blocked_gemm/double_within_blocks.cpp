// right: the sum within a block may be a double
// ranks: 1
#include <algorithm>

#include "exercises/01_gemm/1_blocked_gemm.h"

namespace shard {

void tiled_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, int64_t x_stride,
                const float* a, int64_t a_stride, float* y, int64_t y_stride) {
  for (int64_t i = 0; i < tokens; ++i) {
    for (int64_t j = 0; j < out; ++j) {
      float total = 0;
      for (int64_t block = 0; block < in; block += tile_depth) {
        double sum = 0;
        for (int64_t k = block; k < std::min(block + tile_depth, in); ++k)
          sum += static_cast<double>(x[i * x_stride + k]) * a[k * a_stride + j];
        total += static_cast<float>(sum);
      }
      y[i * y_stride + j] = total;
    }
  }
}

}  // namespace shard
