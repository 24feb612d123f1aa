// Embedding rows and the parts of the cross entropy over one rank's part of the vocabulary.
// Compiled so that sums may be taken in any order and exp is a vector function (CMakeLists.txt).
// That is safe: the maximum is subtracted first, exp(-∞) is 0, and NaN stays
// (tests/common/non_finite_test.cpp).
#include <algorithm>
#include <cmath>
#include <limits>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/exp.h"
#include "common/cpu/largest.h"
#include "common/cpu/parallel.h"

namespace shard {

void CpuBackend::gather_rows(Tensor& out, const Tensor& table, const Tensor& ids,
                             int64_t first_row) {
  const int64_t width = table.columns(), rows = table.rows();
  const float* from = table.data<float>();
  const int32_t* id = ids.data<int32_t>();
  float* to = out.data<float>();
  parallel_for(ids.elements(), width, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = id[i] - first_row;
      if (row >= 0 && row < rows) {
        std::copy_n(from + row * width, width, to + i * width);
      } else {
        std::fill_n(to + i * width, width, 0.0f);
      }
    }
  });
}

void CpuBackend::add_to_rows(Tensor& dtable, const Tensor& ids, const Tensor& dy,
                             int64_t first_row) {
  const int64_t width = dtable.columns(), rows = dtable.rows(), count = ids.elements();
  float* sums = dtable.data<float>();
  const int32_t* id = ids.data<int32_t>();
  const float* upstream = dy.data<float>();
  // Threads share the columns, not the ids: two tokens with one id must not add to one element at
  // once.
  parallel_for(width, count, [=](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = id[i] - first_row;
      if (row < 0 || row >= rows) continue;
      for (int64_t column = begin; column < end; ++column) {
        sums[row * width + column] += upstream[i * width + column];
      }
    }
  });
}

void CpuBackend::row_max(Tensor& max, const Tensor& x, int64_t valid_columns) {
  const int64_t columns = x.columns();
  const float* values = x.data<float>();
  float* out = max.data<float>();
  parallel_for(x.rows(), columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      out[row] = std::max(std::numeric_limits<float>::lowest(),
                          largest(values + row * columns, valid_columns));
    }
  });
}

void CpuBackend::row_sum(Tensor& sums, const Tensor& x, int64_t valid_columns) {
  const int64_t columns = x.columns();
  const float* values = x.data<float>();
  float* out = sums.data<float>();
  parallel_for(x.rows(), columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < valid_columns; ++i)
        sum += static_cast<double>(values[row * columns + i]);
      out[row] = static_cast<float>(sum);
    }
  });
}

void CpuBackend::exp_and_row_sum(Tensor& x, Tensor& sums, const Tensor& max,
                                 int64_t valid_columns) {
  const int64_t columns = x.columns();
  float *all = x.data<float>(), *out = sums.data<float>();
  const float* of_row = max.data<float>();
  parallel_for(x.rows(), 6 * columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* values = all + row * columns;
      float sum = 0;
      for (int64_t i = 0; i < valid_columns; ++i) values[i] = std::exp(values[i] - of_row[row]);
      for (int64_t i = 0; i < valid_columns; ++i) sum += values[i];
      std::fill(values + valid_columns, values + columns, 0.0f);
      out[row] = sum;
    }
  });
}

void CpuBackend::pick(Tensor& picked, const Tensor& x, const Tensor& columns,
                      int64_t first_column) {
  const int64_t width = x.columns();
  const float* values = x.data<float>();
  const int32_t* wanted = columns.data<int32_t>();
  float* out = picked.data<float>();
  for (int64_t row = 0; row < x.rows(); ++row) {
    const int64_t column = wanted[row] - first_column;
    out[row] = column >= 0 && column < width ? values[row * width + column] : 0.0f;
  }
}

void CpuBackend::cross_entropy(Tensor& losses, const Tensor& sums, const Tensor& max,
                               const Tensor& picked, const Tensor& targets) {
  const float *sum = sums.data<float>(), *of_row = max.data<float>(),
              *target = picked.data<float>();
  const int32_t* wanted = targets ? targets.data<int32_t>() : nullptr;
  float* out = losses.data<float>();
  for (int64_t row = 0; row < losses.elements(); ++row) {
    const bool counts = wanted == nullptr || wanted[row] >= 0;
    out[row] = counts ? std::log(sum[row]) + (of_row[row] - target[row]) : 0.0f;
  }
}

void CpuBackend::cross_entropy_backward(Tensor& exps, const Tensor& sums, const Tensor& targets,
                                        int64_t first_column, float factor) {
  const int64_t columns = exps.columns();
  float* all = exps.data<float>();
  const float* sum = sums.data<float>();
  const int32_t* wanted = targets.data<int32_t>();
  parallel_for(exps.rows(), columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float scale = factor / sum[row];
      for (int64_t i = 0; i < columns; ++i) all[row * columns + i] *= scale;
      const int64_t target = wanted[row] - first_column;
      if (target >= 0 && target < columns) all[row * columns + target] -= factor;
    }
  });
}

void CpuBackend::exp_sums(ExpSums& result, const Tensor& x, int64_t valid_columns) {
  const int64_t columns = x.columns();
  const float* all = x.data<float>();
  float *max = result.max.data<float>(), *sums = result.sums.data<float>();
  parallel_for(x.rows(), 6 * columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* values = all + row * columns;
      const float most =
          std::max(std::numeric_limits<float>::lowest(), largest(values, valid_columns));
      float sum = 0;
      for (int64_t i = 0; i < valid_columns; ++i) sum += exp_of_negative(values[i] - most);
      max[row] = most;
      sums[row] = sum;
    }
  });
}

void CpuBackend::rescale(Tensor& sums, const ExpSums& part, const Tensor& max) {
  const float *from = part.sums.data<float>(), *own = part.max.data<float>(),
              *of_all = max.data<float>();
  float* out = sums.data<float>();
  for (int64_t row = 0; row < sums.elements(); ++row)
    out[row] = from[row] * std::exp(own[row] - of_all[row]);
}

void CpuBackend::softmax_minus_targets(Tensor& logits, const ExpSums& of, const Tensor& targets,
                                       int64_t first_column, int64_t valid_columns, float factor) {
  const int64_t columns = logits.columns();
  float* all = logits.data<float>();
  const float *max = of.max.data<float>(), *sums = of.sums.data<float>();
  const int32_t* wanted = targets.data<int32_t>();
  parallel_for(logits.rows(), 6 * columns, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* values = all + row * columns;
      const float most = max[row], scale = factor / sums[row];
      const int64_t valid = wanted[row] < 0 ? 0 : valid_columns;
      for (int64_t i = 0; i < valid; ++i) values[i] = scale * exp_of_negative(values[i] - most);
      std::fill(values + valid, values + columns, 0.0f);
      const int64_t target = wanted[row] - first_column;
      if (target >= 0 && target < valid) values[target] -= factor;
    }
  });
}

}  // namespace shard
