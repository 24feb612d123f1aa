// Loops that reduce along rows: layer norm and attention's softmax, and the moves between tokens
// and heads. Compiled so that sums may be taken in any order and exp is a vector function
// (CMakeLists.txt). That is safe: the order of the sums changes results by roundings only, exp(-∞)
// is 0, and NaN stays (tests/common/non_finite_test.cpp).
#include <algorithm>
#include <cmath>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/largest.h"
#include "common/cpu/parallel.h"
#include "common/cpu/thread_memory.h"

namespace shard {

/// Of one row x: y, mean and 1/√(variance + ε).
static void layer_norm_row(float* y, float& mean, float& inverse, const float* x, const float* gain,
                           const float* bias, int64_t width, float epsilon) {
  float sum = 0, squares = 0;
  for (int64_t i = 0; i < width; ++i) sum += x[i];
  const float m = sum / static_cast<float>(width);
  for (int64_t i = 0; i < width; ++i) squares += (x[i] - m) * (x[i] - m);
  const float over_deviation = 1.0f / std::sqrt(squares / static_cast<float>(width) + epsilon);
  for (int64_t i = 0; i < width; ++i) y[i] = (x[i] - m) * over_deviation * gain[i] + bias[i];
  mean = m;
  inverse = over_deviation;
}

void CpuBackend::layer_norm(Tensor& y, Tensor& mean, Tensor& inverse_deviation, const Tensor& x,
                            const Tensor& gain, const Tensor& bias, float epsilon) {
  const int64_t width = x.columns();
  const float *in = x.data<float>(), *g = gain.data<float>(), *b = bias.data<float>();
  float *out = y.data<float>(), *means = mean.data<float>(),
        *inverses = inverse_deviation.data<float>();
  parallel_for(x.rows(), 4 * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t start = row * width;
      layer_norm_row(out + start, means[row], inverses[row], in + start, g, b, width, epsilon);
    }
  });
}

void CpuBackend::add_layer_norm(Tensor& u, Tensor& y, Tensor& mean, Tensor& inverse_deviation,
                                const Tensor& x, const Tensor& z, const Tensor* z_bias,
                                const Tensor& gain, const Tensor& bias, float epsilon) {
  const int64_t width = x.columns();
  const float* const addend = z_bias != nullptr ? z_bias->data<float>() : nullptr;
  const float *first = x.data<float>(), *second = z.data<float>(), *g = gain.data<float>(),
              *b = bias.data<float>();
  float *sum = u.data<float>(), *out = y.data<float>(), *means = mean.data<float>(),
        *inverses = inverse_deviation.data<float>();
  parallel_for(x.rows(), 5 * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t start = row * width;
      if (addend == nullptr) {
        for (int64_t i = start; i < start + width; ++i) sum[i] = first[i] + second[i];
      } else {
        for (int64_t i = 0; i < width; ++i)
          sum[start + i] = first[start + i] + (second[start + i] + addend[i]);
      }
      layer_norm_row(out + start, means[row], inverses[row], sum + start, g, b, width, epsilon);
    }
  });
}

/// dx of one row, and its terms in the gradients of gain and bias and in dx_sums: see ops.h for the
/// formulas. dresidual and dx_sums may be nullptr.
static void layer_norm_row_backward(float* dx, float* dgain, float* dbias, float* dx_sums,
                                    const float* dy, const float* dresidual, const float* x,
                                    float mean, float inverse, const float* gain, int64_t width) {
  float sum = 0, sum_with_n = 0;
  for (int64_t i = 0; i < width; ++i) {
    const float n = (x[i] - mean) * inverse, g = dy[i] * gain[i];
    sum += g;
    sum_with_n += g * n;
    dgain[i] += dy[i] * n;
    dbias[i] += dy[i];
  }
  const float mean_g = sum / static_cast<float>(width),
              mean_gn = sum_with_n / static_cast<float>(width);
  for (int64_t i = 0; i < width; ++i) {
    const float n = (x[i] - mean) * inverse, g = dy[i] * gain[i];
    dx[i] = inverse * (g - mean_g - n * mean_gn);
  }
  for (int64_t i = 0; i < width && dresidual != nullptr; ++i) dx[i] += dresidual[i];
  for (int64_t i = 0; i < width && dx_sums != nullptr; ++i) dx_sums[i] += dx[i];
}

void CpuBackend::layer_norm_backward(Tensor& dx, Tensor& dgain, Tensor& dbias, Tensor* dx_sums,
                                     const Tensor& dy, const Tensor* dresidual, const Tensor& x,
                                     const Tensor& mean, const Tensor& inverse_deviation,
                                     const Tensor& gain) {
  const int64_t width = x.columns();
  const float *in = x.data<float>(), *g = gain.data<float>(), *upstream = dy.data<float>();
  const float *means = mean.data<float>(), *inverses = inverse_deviation.data<float>();
  const float* residual = dresidual != nullptr ? dresidual->data<float>() : nullptr;
  float* out = dx.data<float>();
  std::vector<float*> totals{dgain.data<float>(), dbias.data<float>()};
  if (dx_sums != nullptr) totals.push_back(dx_sums->data<float>());
  const auto count = static_cast<int64_t>(totals.size());
  struct Sums;
  float* const all = thread_memory<Sums>(count * width);  // for one of the totals after the other
  std::fill_n(all, count * width, 0.0f);
  add_over_rows(
      all, count * width, x.rows(), 10 * width, [=](float* sums, int64_t begin, int64_t end) {
        float* const of_dx = count == 3 ? sums + 2 * width : nullptr;
        for (int64_t row = begin; row < end; ++row) {
          const int64_t start = row * width;
          layer_norm_row_backward(out + start, sums, sums + width, of_dx, upstream + start,
                                  residual != nullptr ? residual + start : nullptr, in + start,
                                  means[row], inverses[row], g, width);
        }
      });
  const float* sums = all;
  for (float* const total : totals) {
    for (int64_t i = 0; i < width; ++i) total[i] += *sums++;
  }
}

/// Calls move(token's entry, head's entry) for each sequence, head and position: head_width numbers
/// each.
template <class Move>
static void for_each_head_vector(const Tensor& heads, const Tensor& tokens, int64_t first_column,
                                 const Move& move) {
  const int64_t context = heads.shape()[1], head_width = heads.shape()[2],
                columns = tokens.columns();
  const int64_t batch = tokens.rows() / context, count = heads.shape()[0] / batch;
  parallel_for(batch * count, context * head_width, [=](int64_t begin, int64_t end) {
    for (int64_t matrix = begin; matrix < end; ++matrix) {
      const int64_t sequence = matrix / count, head = matrix % count;
      for (int64_t position = 0; position < context; ++position) {
        move((sequence * context + position) * columns + first_column + head * head_width,
             (matrix * context + position) * head_width);
      }
    }
  });
}

void CpuBackend::split_heads(Tensor& heads, const Tensor& x, int64_t first_column) {
  float* out = heads.data<float>();
  const float* in = x.data<float>();
  const int64_t head_width = heads.columns();
  for_each_head_vector(heads, x, first_column, [=](int64_t token, int64_t head) {
    std::copy_n(in + token, head_width, out + head);
  });
}

void CpuBackend::merge_heads(Tensor& x, int64_t first_column, const Tensor& heads) {
  float* out = x.data<float>();
  const float* in = heads.data<float>();
  const int64_t head_width = heads.columns();
  for_each_head_vector(heads, x, first_column, [=](int64_t token, int64_t head) {
    std::copy_n(in + head, head_width, out + token);
  });
}

void CpuBackend::causal_softmax(Tensor& scores, float scale) {
  float* all = scores.data<float>();
  const int64_t context = scores.columns(), queries = scores.shape()[1];
  parallel_for(scores.rows(), 8 * context, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* p = all + row * context;
      const int64_t seen = context - queries + row % queries + 1;  // position i attends to 0 … i
      const float max = largest(p, seen);
      float sum = 0;
      for (int64_t i = 0; i < seen; ++i) p[i] = std::exp(scale * (p[i] - max));
      for (int64_t i = 0; i < seen; ++i) sum += p[i];
      const float inverse = 1.0f / sum;
      for (int64_t i = 0; i < seen; ++i) p[i] *= inverse;
      std::fill(p + seen, p + context, 0.0f);
    }
  });
}

void CpuBackend::causal_softmax_backward(Tensor& dscores, const Tensor& probabilities,
                                         float scale) {
  float* all = dscores.data<float>();
  const float* probability = probabilities.data<float>();
  const int64_t context = dscores.columns();
  parallel_for(dscores.rows(), 4 * context, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* d = all + row * context;
      const float* p = probability + row * context;
      float sum = 0;
      for (int64_t i = 0; i < context; ++i) sum += p[i] * d[i];
      for (int64_t i = 0; i < context; ++i) d[i] = scale * p[i] * (d[i] - sum);
    }
  });
}

}  // namespace shard
