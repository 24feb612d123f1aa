// Attention on the CPU, a strip of queries at a time: the strip's scores are products that stay in
// the cache of the core that computes them; those of all queries are never stored. With whole rows
// of scores at hand, a softmax needs none of the rescaling of Dao et al., arXiv:2205.14135.
// Compiled so that sums may be taken in any order and exp is a vector instruction (CMakeLists.txt).
// Infinities and NaN keep their meaning, which the log-sum-exp of no key needs.
#include <algorithm>
#include <cmath>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/largest.h"
#include "common/cpu/parallel.h"
#include "common/cpu/product.h"
#include "common/cpu/thread_memory.h"

namespace shard {
namespace {

/// The queries of a strip: enough for products at full speed, few enough for the cache.
constexpr int64_t strip_queries = 64;

/// Some queries of one matrix of the batch, with the keys that the last of them sees.
struct Strip {
  int64_t matrix, first_query, queries, keys;
};

/// The strips of all matrices, one matrix after another.
struct Strips {
  int64_t matrices, queries, keys, width;
  const AttentionSettings& settings;

  Strips(const Heads& q, const Heads& k, const AttentionSettings& the_settings)
      : matrices(q.matrices),
        queries(q.rows),
        keys(k.rows),
        width(q.width),
        settings(the_settings) {}
  int64_t of_matrix() const { return (queries + strip_queries - 1) / strip_queries; }
  Strip operator[](int64_t index) const {
    const int64_t matrix = index / of_matrix(), first = index % of_matrix() * strip_queries,
                  count = std::min(strip_queries, queries - first);
    return {matrix, first, count, settings.seen_keys(first + count - 1, keys)};
  }
};

/// A row of a matrix.
float* row_of(const Heads& x, int64_t matrix, int64_t row) {
  return x.data<float>(matrix) + row * x.steps.row;
}

/// The rows of a strip's queries, or of its keys, as a factor of a product.
Stored queries_of(const Heads& x, const Strip& strip) {
  return {row_of(x, strip.matrix, strip.first_query), x.steps.row};
}
Stored keys_of(const Heads& x, const Strip& strip) {
  return {x.data<float>(strip.matrix), x.steps.row};
}
Stored transposed(const Stored& x) { return {x.first, x.row_length, true}; }

/// exp(x - shift) of the first `seen` numbers, zeros after them; returns the sum.
float exp_of_row(float* x, int64_t seen, int64_t count, float shift) {
  constexpr int64_t lanes = 16;  // whole vectors, as exp of what is left over is slow
  const int64_t whole = std::min(count, (seen + lanes - 1) / lanes * lanes);
  for (int64_t j = 0; j < whole; ++j) x[j] = std::exp(x[j] - shift);
  std::fill(x + seen, x + count, 0.0f);
  float sum = 0;
  for (int64_t j = 0; j < seen; ++j) sum += x[j];
  return sum;
}

/// scores [queries × keys] ← scale · Q·Kᵀ.
void scores_of(float* scores, const Strip& strip, const Heads& q, const Heads& k,
               const AttentionSettings& settings) {
  product(scores, strip.keys, queries_of(q, strip), transposed(keys_of(k, strip)), strip.queries,
          strip.keys, q.width, 0.0f, settings.scale);
}

/// Multiplies row i of a strip [queries × keys] by `factor` and by the dropout's factors.
void scale_and_drop(float* row, float factor, const Strip& strip, int64_t i,
                    const AttentionSettings& settings) {
  if (factor != 1.0f)
    for (int64_t j = 0; j < strip.keys; ++j) row[j] *= factor;
  if (settings.dropout.probability == 0.0f) return;
  for (int64_t j = 0; j < strip.keys; ++j)
    row[j] *= settings.factor(strip.matrix, strip.first_query + i, j);
}

void fill_matrices(const Heads& x, int64_t begin, int64_t end, float value) {
  for (int64_t matrix = begin; matrix < end; ++matrix)
    for (int64_t row = 0; row < x.rows; ++row) std::fill_n(row_of(x, matrix, row), x.width, value);
}

float dot(const float* a, const float* b, int64_t width) {
  float sum = 0;
  for (int64_t c = 0; c < width; ++c) sum += a[c] * b[c];
  return sum;
}

}  // namespace

void CpuBackend::attention(const Heads& output, Tensor& log_sum_exp, const Heads& q, const Heads& k,
                           const Heads& v, const AttentionSettings& settings) {
  const Strips strips(q, k, settings);
  const auto attend = [&](const Strip& strip) {
    float* const p = thread_memory<Strip>(strip.queries * strip.keys);
    scores_of(p, strip, q, k, settings);
    for (int64_t i = 0; i < strip.queries; ++i) {
      float* const row = p + i * strip.keys;
      const int64_t query = strip.first_query + i, seen = settings.seen_keys(query, strip.keys);
      const float max = largest(row, seen), sum = exp_of_row(row, seen, strip.keys, max);
      log_sum_exp.data<float>()[strip.matrix * q.rows + query] = max + std::log(sum);
      scale_and_drop(row, sum == 0.0f ? 0.0f : 1.0f / sum, strip, i, settings);
    }
    product(row_of(output, strip.matrix, strip.first_query), output.steps.row, {p, strip.keys},
            keys_of(v, strip), strip.queries, q.width, strip.keys);
  };
  parallel_for(strips.matrices * strips.of_matrix(), 4 * strip_queries * strips.keys * q.width,
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) attend(strips[i]);
               });
}

void CpuBackend::merge_attention(const Heads& output, Tensor& log_sum_exp, const Heads& part,
                                 const Tensor& part_log_sum_exp) {
  const int64_t width = output.width, rows = output.rows;
  float* const lse = log_sum_exp.data<float>();
  const float* const part_lse = part_log_sum_exp.data<float>();
  parallel_for(output.matrices * rows, 2 * width, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const AttentionShares shares = attention_shares(lse[i], part_lse[i]);
      float* const to = row_of(output, i / rows, i % rows);
      const float* const from = row_of(part, i / rows, i % rows);
      for (int64_t c = 0; c < width; ++c) to[c] = shares.first * to[c] + shares.second * from[c];
      lse[i] = shares.log_sum_exp;
    }
  });
}

void CpuBackend::attention_backward(const Heads& dq, const Heads& dk, const Heads& dv,
                                    const Heads& dout, const Heads& q, const Heads& k,
                                    const Heads& v, const Heads& output, const Tensor& log_sum_exp,
                                    const AttentionSettings& settings) {
  const Strips strips(q, k, settings);
  const int64_t width = q.width;
  const auto go_back = [&](const Strip& strip) {
    const int64_t rows = strip.queries, keys = strip.keys;
    float *const p = thread_memory<Strip>(2 * rows * keys), *const ds = p + rows * keys;
    scores_of(p, strip, q, k, settings);
    product(ds, keys, queries_of(dout, strip), transposed(keys_of(v, strip)), rows, keys, width);
    for (int64_t i = 0; i < rows; ++i) {
      float *const p_row = p + i * keys, *const ds_row = ds + i * keys;
      const int64_t query = strip.first_query + i, seen = settings.seen_keys(query, keys);
      const float sum =
          dot(row_of(dout, strip.matrix, query), row_of(output, strip.matrix, query), width);
      exp_of_row(p_row, seen, keys, log_sum_exp.data<float>()[strip.matrix * q.rows + query]);
      scale_and_drop(ds_row, 1.0f, strip, i, settings);
      for (int64_t j = 0; j < seen; ++j) ds_row[j] = settings.scale * p_row[j] * (ds_row[j] - sum);
      std::fill(ds_row + seen, ds_row + keys, 0.0f);
      scale_and_drop(p_row, 1.0f, strip, i, settings);
    }
    product(row_of(dq, strip.matrix, strip.first_query), dq.steps.row, {ds, keys},
            keys_of(k, strip), rows, width, keys);
    product(dk.data<float>(strip.matrix), dk.steps.row, {ds, keys, true}, queries_of(q, strip),
            keys, width, rows, 1.0f);
    product(dv.data<float>(strip.matrix), dv.steps.row, {p, keys, true}, queries_of(dout, strip),
            keys, width, rows, 1.0f);
  };
  // Threads share the matrices, not the strips: two strips must not add to one key at once.
  parallel_for(strips.matrices, 10 * strips.queries * strips.keys * width,
               [&](int64_t begin, int64_t end) {
                 for (const Heads* sums : {&dk, &dv}) fill_matrices(*sums, begin, end, 0.0f);
                 for (int64_t i = begin * strips.of_matrix(); i < end * strips.of_matrix(); ++i)
                   go_back(strips[i]);
               });
}

}  // namespace shard
