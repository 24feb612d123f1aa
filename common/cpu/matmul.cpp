// Matrix products by oneDNN's sgemm, which takes row-major matrices as they are; those of a few
// rows by loops of our own.
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
  if (m <= few_rows && !a.transposed)
    return product_of_few_rows(c, row_length, a, b, m, n, k, beta, alpha);
  const dnnl_status_t status = dnnl_sgemm(letter(a), letter(b), m, n, k, alpha, a.first,
                                          a.row_length, b.first, b.row_length, beta, c, row_length);
  require(status == dnnl_success, "dnnl_sgemm of ", m, " × ", n, " × ", k, " failed with status ",
          int{status});
}

/// The element (row, column) of a factor's matrix and what follows it.
static Stored stored_at(const Operand& x, int64_t matrix, int64_t row, int64_t column) {
  return {x.matrix.data<float>() + matrix * x.size() + x.place_of(row, column), x.matrix.columns(),
          x.transposed};
}

/// c += aᵀ·b, a sum over the rows of both, as in the gradient of a weight.
static void add_over_rows(Tensor& c, const Operand& a, const Operand& b) {
  const int64_t m = c.rows(), n = c.columns();
  add_over_rows(c.data<float>(), c.elements(), b.rows(), m * n,
                [&](float* sums, int64_t begin, int64_t end) {
                  product(sums, n, stored_at(a, 0, 0, begin), stored_at(b, 0, begin, 0), m, n,
                          end - begin, 1.0f);
                });
}

// A thread takes whole matrices, or the rows that the ops before and after it take: what it
// computes with is then in its own cache. It takes columns where there are few rows.
void CpuBackend::matmul(Tensor& c, Operand a, Operand b, float beta, const ProductPart& part) {
  const auto& [rows, inner, columns] = part;
  constexpr int64_t enough_rows = 64;
  const auto compute = [&](int64_t matrix, Range of_rows, Range of_columns) {
    const Operand whole(c);
    product(c.data<float>() + matrix * whole.size() +
                whole.place_of(of_rows.begin, of_columns.begin),
            c.columns(), stored_at(a, matrix, of_rows.begin, part.inner.begin),
            stored_at(b, matrix, part.inner.begin, of_columns.begin), of_rows.size(),
            of_columns.size(), part.inner.size(), beta);
  };
  if (c.elements() == 0) return;
  const int64_t batch = c.elements() / Operand(c).size(), cost = inner.size() + 1;
  if (batch > 1) {
    parallel_for(batch, rows.size() * columns.size() * cost, [&](int64_t begin, int64_t end) {
      for (int64_t matrix = begin; matrix < end; ++matrix) compute(matrix, rows, columns);
    });
  } else if (a.transposed && !b.transposed && b.rows() >= enough_rows &&
             rows.size() * columns.size() * inner.size() == c.elements() * b.rows()) {
    if (beta == 0.0f) fill(c, 0.0f);
    add_over_rows(c, a, b);
  } else if (rows.size() <= few_rows && !a.transposed) {
    compute(0, rows, columns);  // by all threads
  } else if (rows.size() >= enough_rows) {
    parallel_for(rows.size(), columns.size() * cost, [&](int64_t begin, int64_t end) {
      compute(0, {rows.begin + begin, rows.begin + end}, columns);
    });
  } else {
    parallel_for(columns.size(), rows.size() * cost, [&](int64_t begin, int64_t end) {
      compute(0, rows, {columns.begin + begin, columns.begin + end});
    });
  }
}

}  // namespace shard
