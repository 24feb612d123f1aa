// linear.h on the CPU: blocks of rows small enough for a core's cache, and large enough for
// products at full speed. Compiled so that exp is a vector function (CMakeLists.txt).
#include <algorithm>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"
#include "common/cpu/product.h"
#include "common/cpu/thread_memory.h"

namespace shard {
namespace {

constexpr int64_t block_rows = 64;

/// Calls body(first row, rows) for blocks of the rows begin … end-1.
template <class Body>
void for_blocks(int64_t begin, int64_t end, const Body& body) {
  for (int64_t first = begin; first < end; first += block_rows)
    body(first, std::min(block_rows, end - first));
}

/// The same for all rows, on all threads. `cost`: operations per row.
template <class Body>
void for_all_blocks(int64_t rows, int64_t cost, const Body& body) {
  parallel_for(rows, cost, [&](int64_t begin, int64_t end) { for_blocks(begin, end, body); });
}

Stored as_stored(const Tensor& weight) { return {weight.data<float>(), weight.columns()}; }

/// Wᵀ, written to memory of the calling thread. oneDNN would rearrange a transposed factor in the
/// product of every block.
Stored transpose_of(const Tensor& weight) {
  constexpr int64_t tile = 16;
  const int64_t k = weight.rows(), n = weight.columns();
  const float* const from = weight.data<float>();
  float* const to = thread_memory<Stored>(k * n);
  parallel_for((n + tile - 1) / tile, tile * k, [=](int64_t begin, int64_t end) {
    for (int64_t first = begin * tile; first < std::min(end * tile, n); first += tile) {
      const int64_t last = std::min(first + tile, n);
      for (int64_t row = 0; row < k; ++row)
        for (int64_t column = first; column < last; ++column)
          to[column * k + row] = from[row * n + column];
    }
  });
  return {to, k};
}

}  // namespace

void CpuBackend::linear(Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (x.rows() < block_rows) return Backend::linear(y, x, weight, bias);
  const int64_t k = weight.rows(), n = weight.columns();
  const float* const addend = bias.data<float>();
  for_all_blocks(x.rows(), k * n, [&](int64_t first, int64_t rows) {
    float* const out = y.data<float>() + first * n;
    product(out, n, {x.data<float>() + first * k, k}, as_stored(weight), rows, n, k);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < n; ++i) out[row * n + i] += addend[i];
  });
}

void CpuBackend::linear_backward(Tensor& dx, Tensor* dbias, const Tensor& dy,
                                 const Tensor& weight) {
  const int64_t k = weight.rows(), n = weight.columns();
  const Stored transposed = transpose_of(weight);
  const auto compute = [&](int64_t first, int64_t rows) {
    product(dx.data<float>() + first * k, k, {dy.data<float>() + first * n, n}, transposed, rows, k,
            n);
  };
  if (dbias == nullptr) return for_all_blocks(dy.rows(), k * n, compute);
  add_over_rows(dbias->data<float>(), n, dy.rows(), k * n,
                [&](float* sums, int64_t begin, int64_t end) {
                  for_blocks(begin, end, [&](int64_t first, int64_t rows) {
                    compute(first, rows);
                    const float* const in = dy.data<float>() + first * n;
                    for (int64_t row = 0; row < rows; ++row)
                      for (int64_t i = 0; i < n; ++i) sums[i] += in[row * n + i];
                  });
                });
}

void CpuBackend::gelu_matmul(Tensor& y, const Tensor& u, const Tensor& weight) {
  if (u.rows() < block_rows) return Backend::gelu_matmul(y, u, weight);
  const int64_t k = weight.rows(), n = weight.columns();
  for_all_blocks(u.rows(), k * n, [&](int64_t first, int64_t rows) {
    const float* const in = u.data<float>() + first * k;
    float* const activated = thread_memory<CpuBackend>(block_rows * k);
    for (int64_t i = 0; i < rows * k; ++i) activated[i] = shard::gelu(in[i]);
    product(y.data<float>() + first * n, n, {activated, k}, as_stored(weight), rows, n, k);
  });
}

void CpuBackend::gelu_matmul_backward(Tensor& activated, Tensor& du, Tensor& dbias,
                                      const Tensor& dy, const Tensor& weight, const Tensor& u) {
  const int64_t k = weight.rows(), n = weight.columns();
  const Stored transposed = transpose_of(weight);
  const auto compute = [&](float* sums, int64_t first, int64_t rows) {
    const float* const in = u.data<float>() + first * k;
    float *const y = activated.data<float>() + first * k, *const d = du.data<float>() + first * k;
    product(d, k, {dy.data<float>() + first * n, n}, transposed, rows, k, n);
    for (int64_t i = 0; i < rows * k; ++i) {
      const Gelu<float> at = gelu_and_derivative(in[i]);
      y[i] = at.value;
      d[i] *= at.derivative;
    }
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < k; ++i) sums[i] += d[row * k + i];
  };
  add_over_rows(
      dbias.data<float>(), k, dy.rows(), k * n, [&](float* sums, int64_t begin, int64_t end) {
        for_blocks(begin, end, [&](int64_t first, int64_t rows) { compute(sums, first, rows); });
      });
}

}  // namespace shard
