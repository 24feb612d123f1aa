// Sums over whole tensors. Compiled so that they may be taken in any order (CMakeLists.txt). That
// is safe: sums are in double precision, and infinities and NaN, by which clip_factor and adamw
// know a bad step, keep their meaning (tests/common/non_finite_test.cpp).
#include <algorithm>
#include <cmath>
#include <vector>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"

namespace shard {

/// Σ term(x[i]) in double, summed in parts of fixed length, so that the number of threads does not
/// change the result.
template <class Term>
static double sum_over(const Tensor& x, const Term& term) {
  constexpr int64_t part = 16384;
  const int64_t parts = (x.elements() + part - 1) / part;
  const float* values = x.data<float>();
  static thread_local std::vector<double> sums;  // kept between calls: a step allocates nothing
  sums.assign(static_cast<size_t>(parts), 0.0);
  double* sum = sums.data();
  parallel_for(parts, part, [&, sum](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      double s = 0;
      const int64_t last = std::min((p + 1) * part, x.elements());
      for (int64_t i = p * part; i < last; ++i) s += term(static_cast<double>(values[i]));
      sum[p] = s;
    }
  });
  double total = 0;
  for (double s : sums) total += s;
  return total;
}

void CpuBackend::add_sum(Tensor& total, const Tensor& x) {
  *total.data<float>() += static_cast<float>(sum_over(x, [](double value) { return value; }));
}

void CpuBackend::add_sum_of_squares(Tensor& total, std::span<const Tensor> all) {
  for (const Tensor& x : all) {
    *total.data<float>() +=
        static_cast<float>(sum_over(x, [](double value) { return value * value; }));
  }
}

void CpuBackend::clip_factor(Tensor& factor, const Tensor& sum_of_squares, float limit) {
  const float sum = *sum_of_squares.data<float>();
  float& out = *factor.data<float>();
  if (!is_finite(sum)) {
    out = NAN;
  } else {
    out = limit == 0.0f ? 1.0f : std::min(1.0f, limit / (std::sqrt(sum) + 1e-6f));
  }
}

void CpuBackend::zero(std::span<const Tensor> all) {
  for (Tensor x : all) fill(x, 0.0f);
}

}  // namespace shard
