// Matrix products by oneDNN's sgemm, which takes row-major matrices as they are.
#include <dnnl.h>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"

namespace shard {

/// C [m × n] ← A·B + beta·C for one pair of matrices.
static void product(float* c, const float* a, bool a_transposed, const float* b, bool b_transposed, int64_t m,
                    int64_t n, int64_t k, float beta) {
  const dnnl_status_t status = dnnl_sgemm(a_transposed ? 'T' : 'N', b_transposed ? 'T' : 'N', m, n, k, 1.0f, a,
                                          a_transposed ? m : k, b, b_transposed ? k : n, beta, c, n);
  require(status == dnnl_success, "dnnl_sgemm of ", m, " × ", n, " × ", k, " failed with status ", int{status});
}

void CpuBackend::matmul(Tensor& c, Operand a, Operand b, float beta) {
  const int64_t m = a.rows(), n = b.columns(), k = a.columns();
  if (c.elements() == 0) return;
  if (k == 0) {
    if (beta == 0.0f) fill(c, 0.0f);
    return;
  }
  float* c_data = c.data<float>();
  const float* a_data = a.matrix.data<float>();
  const float* b_data = b.matrix.data<float>();
  const int64_t batch = c.elements() / (m * n);
  if (batch == 1) {
    product(c_data, a_data, a.transposed, b_data, b.transposed, m, n, k, beta);
    return;
  }
  // Many small products: a thread takes whole ones, and oneDNN, called inside a parallel region, stays on that thread.
  parallel_for(batch, m * n * k, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      product(c_data + i * m * n, a_data + i * m * k, a.transposed, b_data + i * k * n, b.transposed, m, n, k, beta);
    }
  });
}

}  // namespace shard
