// Matrix products by oneDNN's sgemm, which takes row-major matrices as they are.
#include <dnnl.h>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"

namespace shard {

/// A matrix in memory: its first element, how far apart its rows are, and whether its transpose is
/// meant.
struct Stored {
  float* first;
  int64_t row_length;
  bool transposed = false;
  char letter() const { return transposed ? 'T' : 'N'; }
};

/// C [m × n] ← A·B + beta·C for one pair of matrices.
static void product(Stored c, Stored a, Stored b, int64_t m, int64_t n, int64_t k, float beta) {
  const dnnl_status_t status =
      dnnl_sgemm(a.letter(), b.letter(), m, n, k, 1.0f, a.first, a.row_length, b.first,
                 b.row_length, beta, c.first, c.row_length);
  require(status == dnnl_success, "dnnl_sgemm of ", m, " × ", n, " × ", k, " failed with status ",
          int{status});
}

void CpuBackend::matmul(Tensor& c, Operand a, Operand b, float beta, const ProductPart& part) {
  const int64_t m = part.rows.size(), n = part.columns.size(), k = part.inner.size();
  if (c.elements() == 0) return;
  if (k == 0) {
    if (beta == 0.0f) fill(c, 0.0f);
    return;
  }
  const auto stored = [](const Operand& x, int64_t matrix, int64_t row, int64_t column) {
    return Stored{x.matrix.data<float>() + matrix * x.size() + x.place_of(row, column),
                  x.matrix.columns(), x.transposed};
  };
  const auto product_of = [&](int64_t i) {  // matrix i of the batch
    product(stored(c, i, part.rows.begin, part.columns.begin),
            stored(a, i, part.rows.begin, part.inner.begin),
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
