// Attention on the CPU, row by row: the scores of one query stay in the cache; those of all queries
// are never stored. Compiled so that sums may be taken in any order and exp is a vector instruction
// (CMakeLists.txt). Infinities and NaN keep their meaning, which the log-sum-exp of no key needs.
#include <algorithm>
#include <cmath>
#include <vector>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"

namespace shard {
namespace {

float dot(const float* a, const float* b, int64_t width) {
  float sum = 0;
  for (int64_t c = 0; c < width; ++c) sum += a[c] * b[c];
  return sum;
}

/// y ← y + factor · x.
void add_scaled(float* y, float factor, const float* x, int64_t width) {
  for (int64_t c = 0; c < width; ++c) y[c] += factor * x[c];
}

/// This thread's memory for the scores of one query.
float* scores_of(int64_t keys) {
  static thread_local std::vector<float> scores;  // kept between calls: a step allocates nothing
  scores.resize(std::max(scores.size(), static_cast<size_t>(keys)));
  return scores.data();
}

/// scores[j] ← scale · q·k_j, for the first `seen` keys.
void scores_of_query(float* scores, const float* q, const float* k, int64_t seen, int64_t width,
                     float scale) {
  for (int64_t j = 0; j < seen; ++j) scores[j] = scale * dot(q, k + j * width, width);
}

/// The softmax's numerators in place, and their sum; returns the log-sum-exp, -∞ of none.
float exp_of_row(float* scores, int64_t seen, float& sum) {
  float max = -INFINITY;
  sum = 0;
  for (int64_t j = 0; j < seen; ++j) max = std::max(max, scores[j]);
  for (int64_t j = 0; j < seen; ++j) scores[j] = std::exp(scores[j] - max);
  for (int64_t j = 0; j < seen; ++j) sum += scores[j];
  return max + std::log(sum);
}

}  // namespace

void CpuBackend::attention(Tensor& output, Tensor& log_sum_exp, const Tensor& q, const Tensor& k,
                           const Tensor& v, const AttentionSettings& settings) {
  const int64_t queries = q.shape()[1], keys = k.shape()[1], width = q.columns();
  const float *of_q = q.data<float>(), *of_k = k.data<float>(), *of_v = v.data<float>();
  float *out = output.data<float>(), *lse = log_sum_exp.data<float>();
  parallel_for(q.rows(), 4 * keys * width, [=, &settings](int64_t begin, int64_t end) {
    float* const scores = scores_of(keys);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t matrix = row / queries, query = row % queries;
      const int64_t seen = settings.seen_keys(query, keys), first = matrix * keys * width;
      scores_of_query(scores, of_q + row * width, of_k + first, seen, width, settings.scale);
      float sum = 0, *const to = out + row * width;
      lse[row] = exp_of_row(scores, seen, sum);
      std::fill_n(to, width, 0.0f);
      for (int64_t j = 0; j < seen; ++j) {
        const float weight = scores[j] / sum * settings.factor(matrix, query, j);
        add_scaled(to, weight, of_v + first + j * width, width);
      }
    }
  });
}

void CpuBackend::merge_attention(Tensor& output, Tensor& log_sum_exp, const Tensor& part,
                                 const Tensor& part_log_sum_exp) {
  const int64_t width = output.columns();
  float *out = output.data<float>(), *lse = log_sum_exp.data<float>();
  const float *from = part.data<float>(), *part_lse = part_log_sum_exp.data<float>();
  parallel_for(output.rows(), 2 * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const AttentionShares shares = attention_shares(lse[row], part_lse[row]);
      float* const to = out + row * width;
      for (int64_t c = 0; c < width; ++c)
        to[c] = shares.first * to[c] + shares.second * from[row * width + c];
      lse[row] = shares.log_sum_exp;
    }
  });
}

/// Adds one query's part to the gradients of its matrix: dq [width]; dk and dv [keys × width].
static void add_query_gradients(float* dq, float* dk, float* dv, const float* dout, const float* q,
                                const float* k, const float* v, const float* output, float lse,
                                int64_t matrix, int64_t query, int64_t keys, int64_t width,
                                const AttentionSettings& settings) {
  const int64_t seen = settings.seen_keys(query, keys);
  float* const p = scores_of(keys);
  scores_of_query(p, q, k, seen, width, settings.scale);
  for (int64_t j = 0; j < seen; ++j) p[j] = std::exp(p[j] - lse);
  const float sum = dot(dout, output, width);
  for (int64_t j = 0; j < seen; ++j) {
    const float factor = settings.factor(matrix, query, j);
    const float dp = factor * dot(dout, v + j * width, width);
    const float ds = settings.scale * p[j] * (dp - sum);
    add_scaled(dq, ds, k + j * width, width);
    add_scaled(dk + j * width, ds, q, width);
    add_scaled(dv + j * width, factor * p[j], dout, width);
  }
}

void CpuBackend::attention_backward(Tensor& dq, Tensor& dk, Tensor& dv, const Tensor& dout,
                                    const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& output, const Tensor& log_sum_exp,
                                    const AttentionSettings& settings) {
  const int64_t queries = q.shape()[1], keys = k.shape()[1], width = q.columns();
  for (Tensor* gradient : {&dq, &dk, &dv}) fill(*gradient, 0.0f);
  float *to_q = dq.data<float>(), *to_k = dk.data<float>(), *to_v = dv.data<float>();
  const float *of_q = q.data<float>(), *of_k = k.data<float>(), *of_v = v.data<float>(),
              *upstream = dout.data<float>(), *out = output.data<float>(),
              *lse = log_sum_exp.data<float>();
  // Threads share the matrices, not the queries: two queries must not add to one key at once.
  parallel_for(
      q.shape()[0], 10 * queries * keys * width, [=, &settings](int64_t begin, int64_t end) {
        for (int64_t row = begin * queries; row < end * queries; ++row) {
          const int64_t matrix = row / queries, at = row * width, first = matrix * keys * width;
          add_query_gradients(to_q + at, to_k + first, to_v + first, upstream + at, of_q + at,
                              of_k + first, of_v + first, out + at, lse[row], matrix, row % queries,
                              keys, width, settings);
        }
      });
}

}  // namespace shard
