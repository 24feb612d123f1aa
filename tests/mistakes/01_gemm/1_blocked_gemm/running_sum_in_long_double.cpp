// expect: one running sum, in long double, which loses small terms as well
// ranks: 1
#include "exercises/01_gemm/1_blocked_gemm.h"

namespace shard {

void tiled_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, int64_t x_stride,
                const float* a, int64_t a_stride, float* y, int64_t y_stride) {
  for (int64_t i = 0; i < tokens; ++i) {
    for (int64_t j = 0; j < out; ++j) {
      long double sum = 0;
      for (int64_t k = 0; k < in; ++k)
        sum += static_cast<long double>(x[i * x_stride + k]) * a[k * a_stride + j];
      y[i * y_stride + j] = static_cast<float>(sum);
    }
  }
}

}  // namespace shard
