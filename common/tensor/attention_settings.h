// The positions of the queries and keys of one call of attention in their sequence, and the dropout
// of the probabilities. Small numbers only: they are passed to kernels by value.
#pragma once
#include <algorithm>
#include <cstdint>

#include "common/base/formulas.h"
#include "common/base/random.h"

namespace shard {

/// Dropout of attention probabilities (Srivastava et al., JMLR 15, 2014). The decision for a
/// probability depends on its index among [all sequences × all heads × context × context] only: it
/// is the same however sequences, heads, queries and keys are divided among calls and ranks.
struct ProbabilityDropout {
  float probability = 0;               // in [0, 1); 0: no dropout
  RandomStream random;                 // uniform number `index` decides
  int64_t first_sequence = 0;          // of the whole batch: that of the first matrix
  int64_t first_head = 0, heads = 1;   // those of this call, a matrix each, sequence after sequence
  int64_t all_heads = 1, context = 0;  // of the whole: heads, and positions of a sequence

  /// The index of a probability. `matrix` counts the call's matrices; positions count from the
  /// sequence's start.
  SHARD_HOST_DEVICE int64_t index(int64_t matrix, int64_t query_position,
                                  int64_t key_position) const {
    const int64_t whole_matrix =
        (first_sequence + matrix / heads) * all_heads + first_head + matrix % heads;
    return (whole_matrix * context + query_position) * context + key_position;
  }
  /// What a probability is multiplied by: 0, or 1/(1 - probability).
  SHARD_HOST_DEVICE float factor(int64_t matrix, int64_t query_position,
                                 int64_t key_position) const {
    if (probability == 0.0f) return 1.0f;
    return factor_of(
        random.word(static_cast<uint64_t>(index(matrix, query_position, key_position))));
  }
  /// The same from the word of its index.
  SHARD_HOST_DEVICE float factor_of(uint32_t word) const {
    return RandomStream::uniform_of(word) < probability ? 0.0f : 1.0f / (1.0f - probability);
  }
};

/// The arguments of attention besides its tensors.
struct AttentionSettings {
  float scale = 1;                         // of the scores: 1/√head_width
  int64_t first_query = 0, first_key = 0;  // positions in the sequence
  ProbabilityDropout dropout = {};

  /// How many of the call's first `keys` keys query `query` sees: those of first_key + j ≤
  /// first_query + query.
  SHARD_HOST_DEVICE int64_t seen_keys(int64_t query, int64_t keys) const {
    const int64_t seen = first_query + query - first_key + 1;
    return seen < 0 ? 0 : seen < keys ? seen : keys;
  }
  /// The first of `queries` queries that sees key `key`; `queries` where none does.
  SHARD_HOST_DEVICE int64_t first_seeing(int64_t key, int64_t queries) const {
    const int64_t first = first_key + key - first_query;
    return first < 0 ? 0 : first < queries ? first : queries;
  }
  /// The dropout's factor for the probability (query, key) of a matrix, all counted in the call.
  SHARD_HOST_DEVICE float factor(int64_t matrix, int64_t query, int64_t key) const {
    return dropout.factor(matrix, first_query + query, first_key + key);
  }
};

/// How two results over different keys become one: their shares of the output, and its log-sum-exp.
struct AttentionShares {
  float first = 1, second = 0, log_sum_exp = -INFINITY;
};

/// Of results with log-sum-exps a and b (-∞: nothing was seen): exp(a)/(exp(a) + exp(b)) and
/// exp(b)/(…), the larger exponent subtracted first (Milakov and Gimelshein, arXiv:1805.02867).
SHARD_HOST_DEVICE inline AttentionShares attention_shares(float a, float b) {
  if (a == -INFINITY && b == -INFINITY) return {};
  const float max = a < b ? b : a;
  const float first = std::exp(a - max), second = std::exp(b - max), sum = first + second;
  return {first / sum, second / sum, max + std::log(sum)};
}

}  // namespace shard
