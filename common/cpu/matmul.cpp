// Matrix products by oneDNN's sgemm, which takes row-major matrices as they are.
#include <dnnl.h>

#include <algorithm>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"
#include "common/cpu/product.h"

namespace shard {

static char letter(const Stored& x) { return x.transposed ? 'T' : 'N'; }

void product(float* c, int64_t row_length, Stored a, Stored b, int64_t m, int64_t n, int64_t k,
             float beta, float alpha) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t row = 0; row < m && beta == 0.0f; ++row)
      std::fill_n(c + row * row_length, n, 0.0f);
    return;
  }
  const dnnl_status_t status = dnnl_sgemm(letter(a), letter(b), m, n, k, alpha, a.first,
                                          a.row_length, b.first, b.row_length, beta, c, row_length);
  require(status == dnnl_success, "dnnl_sgemm of ", m, " × ", n, " × ", k, " failed with status ",
          int{status});
}

void CpuBackend::matmul(Tensor& c, Operand a, Operand b, float beta, const ProductPart& part) {
  const int64_t m = part.rows.size(), n = part.columns.size(), k = part.inner.size();
  if (c.elements() == 0) return;
  const auto stored = [](const Operand& x, int64_t matrix, int64_t row, int64_t column) {
    return Stored{x.matrix.data<float>() + matrix * x.size() + x.place_of(row, column),
                  x.matrix.columns(), x.transposed};
  };
  const auto product_of = [&](int64_t i) {  // matrix i of the batch
    float* const first = c.data<float>() + i * Operand(c).size() +
                         Operand(c).place_of(part.rows.begin, part.columns.begin);
    product(first, c.columns(), stored(a, i, part.rows.begin, part.inner.begin),
            stored(b, i, part.inner.begin, part.columns.begin), m, n, k, beta);
  };
  const int64_t batch = c.elements() / Operand(c).size();
  if (batch == 1) return product_of(0);
  // Many small products: a thread takes whole ones, and oneDNN, called inside a parallel region,
  // stays on that thread.
  parallel_for(batch, m * n * k, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) product_of(i);
  });
}

}  // namespace shard
