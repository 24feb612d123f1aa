// Loops over elements and rows. Compiled so that sums may be taken in any order and tanh is a
// vector function (CMakeLists.txt). That is safe: results change by roundings only, and infinities
// and NaN go through (tests/common/non_finite_test.cpp).
#include <algorithm>
#include <cstring>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"

namespace shard {

void CpuBackend::copy(Tensor& to, const Tensor& from) {
  const float* source = from.data<float>();
  float* target = to.data<float>();
  parallel_for(to.elements(), 1, [=](int64_t begin, int64_t end) {
    std::copy(source + begin, source + end, target + begin);
  });
}

void CpuBackend::fill(Tensor& x, float value) {
  float* target = x.data<float>();
  parallel_for(x.elements(), 1,
               [=](int64_t begin, int64_t end) { std::fill(target + begin, target + end, value); });
}

void CpuBackend::accumulate(Tensor& y, const Tensor& x, float factor) {
  float* sum = y.data<float>();
  const float* term = x.data<float>();
  parallel_for(y.elements(), 1, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum[i] += factor * term[i];
  });
}

void CpuBackend::add(Tensor& out, const Tensor& a, const Tensor& b) {
  float* sum = out.data<float>();
  const float *left = a.data<float>(), *right = b.data<float>();
  parallel_for(out.elements(), 1, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum[i] = left[i] + right[i];
  });
}

void CpuBackend::add(Tensor& out, const Tensor& a, const Tensor& b, const Tensor& bias) {
  float* sum = out.data<float>();
  const float *left = a.data<float>(), *right = b.data<float>(), *addend = bias.data<float>();
  const int64_t columns = out.columns();
  parallel_for(out.rows(), columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0, place = row * columns; i < columns; ++i, ++place)
        sum[place] = left[place] + (right[place] + addend[i]);
    }
  });
}

void CpuBackend::scale(Tensor& x, float factor) {
  float* values = x.data<float>();
  parallel_for(x.elements(), 1, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) values[i] *= factor;
  });
}

void CpuBackend::copy_columns(Tensor& to, int64_t to_column, const Tensor& from,
                              int64_t from_column, int64_t columns) {
  float* target = to.data<float>() + to_column;
  const float* source = from.data<float>() + from_column;
  const int64_t to_row = to.columns(), from_row = from.columns();
  parallel_for(to.rows(), columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      std::copy_n(source + row * from_row, columns, target + row * to_row);
    }
  });
}

void CpuBackend::add_bias(Tensor& y, const Tensor& bias) {
  float* values = y.data<float>();
  const float* addend = bias.data<float>();
  const int64_t columns = y.columns();
  parallel_for(y.rows(), columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* out = values + row * columns;
      for (int64_t i = 0; i < columns; ++i) out[i] += addend[i];
    }
  });
}

void CpuBackend::add_column_sums(Tensor& sums, const Tensor& x) {
  const float* values = x.data<float>();
  const int64_t columns = x.columns();
  add_over_rows(sums.data<float>(), columns, x.rows(), columns,
                [=](float* total, int64_t begin, int64_t end) {
                  for (int64_t row = begin; row < end; ++row) {
                    for (int64_t i = 0; i < columns; ++i) total[i] += values[row * columns + i];
                  }
                });
}

void CpuBackend::gelu(Tensor& y, const Tensor& x) {
  float* out = y.data<float>();
  const float* in = x.data<float>();
  constexpr int64_t cost = 8;
  parallel_for(x.elements(), cost, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = shard::gelu(in[i]);
  });
}

void CpuBackend::gelu_backward(Tensor& dx, const Tensor& x, const Tensor& dy) {
  float* out = dx.data<float>();
  const float *in = x.data<float>(), *upstream = dy.data<float>();
  constexpr int64_t cost = 10;
  parallel_for(x.elements(), cost, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = upstream[i] * gelu_derivative(in[i]);
  });
}

void CpuBackend::dropout(Tensor& y, const Tensor& x, float probability, RandomStream random,
                         Block block) {
  float* out = y.data<float>();
  const float* in = x.data<float>();
  const int64_t columns = x.columns();
  const float kept = 1.0f / (1.0f - probability);
  constexpr int64_t cost = 20;
  parallel_for(x.rows(), columns * cost, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const auto first =
          static_cast<uint64_t>((block.first_row + row) * block.whole_columns + block.first_column);
      auto words = random.words(first / 4);
      for (int64_t i = 0; i < columns; ++i) {
        const uint64_t index = first + static_cast<uint64_t>(i);
        if (index % 4 == 0) words = random.words(index / 4);
        const bool drop = RandomStream::uniform_of(words[index % 4]) < probability;
        out[row * columns + i] = drop ? 0.0f : kept * in[row * columns + i];
      }
    }
  });
}

}  // namespace shard
