// The dropout of the probabilities in a warp's registers: the factors of ProbabilityDropout, by
// index. One call of the random numbers' function gives the words of four keys that follow each
// other. In a WarpMatrix these belong to two or four threads, so each thread draws for some of
// them, and they exchange their words.
#pragma once
#include "common/cuda/kernels/tile.cuh"
#include "common/tensor/attention_settings.h"

namespace shard::kernels {

/// With the thread whose lane differs in bit `distance`: their x and y, as a 2 × 2 matrix, are
/// transposed.
inline __device__ void transpose(uint32_t& x, uint32_t& y, unsigned distance) {
  const bool is_second = (threadIdx.x & distance) != 0;
  const uint32_t other = __shfl_xor_sync(~0u, is_second ? x : y, static_cast<int>(distance));
  is_second ? x = other : y = other;
}

/// For the elements of a WarpMatrix of scores, with a row for each query or for each key.
template <bool keys_in_rows>
class DropoutFactors {
 public:
  __device__ DropoutFactors(const AttentionSettings& settings, int64_t matrix)
      : settings_(settings), matrix_(matrix) {}

  /// Of the four elements that this thread has in the 16 × 8 elements from this query and this key
  /// on, multiples of 8 both, in the order of WarpMatrix::parts.
  __device__ void operator()(float (&factors)[4], int query, int key) const {
    const ProbabilityDropout& dropout = settings_.dropout;
    if (dropout.context % 4 == 0 && settings_.first_key % 4 == 0) {
      uint32_t words[4];
      draw(words, query, key);
#pragma unroll
      for (int e = 0; e < 4; ++e) factors[e] = dropout.factor_of(words[e]);
      return;
    }
#pragma unroll
    for (int e = 0; e < 4; ++e) {  // four keys are not always of one call
      const int row = WarpMatrix<16, 8>::row(e / 2), column = WarpMatrix<16, 8>::column(e % 2);
      factors[e] = settings_.factor(matrix_, query + (keys_in_rows ? column : row),
                                    key + (keys_in_rows ? row : column));
    }
  }

 private:
  __device__ void draw(uint32_t (&words)[4], int query, int key) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, group = lane / 4, pair = lane % 4 * 2;
    if constexpr (keys_in_rows) {
      // Four threads have the same queries and four neighbouring keys: each draws for one element.
      const int element = group % 4;
      query += pair + element % 2;
      key += group / 4 * 4 + element / 2 * 8;
    } else {
      // Two threads have the same rows and four neighbouring keys: each draws for one row.
      query += group + lane % 2 * 8;
      key += pair / 4 * 4;
    }
    const ProbabilityDropout& dropout = settings_.dropout;
    const int64_t index =
        dropout.index(matrix_, settings_.first_query + query, settings_.first_key + key);
    const auto drawn = dropout.random.words(static_cast<uint64_t>(index / 4));
#pragma unroll
    for (int e = 0; e < 4; ++e) words[e] = drawn[e];
    if constexpr (keys_in_rows) {
      transpose(words[0], words[1], 4);
      transpose(words[2], words[3], 4);
      transpose(words[0], words[2], 8);
      transpose(words[1], words[3], 8);
    } else {
      transpose(words[0], words[2], 1);
      transpose(words[1], words[3], 1);
    }
  }

  const AttentionSettings& settings_;
  int64_t matrix_;
};

/// x ← x ∘ the factors, for a matrix of queries × keys.
template <int rows, int columns>
__device__ void drop(WarpMatrix<rows, columns>& x, const AttentionSettings& settings,
                     int64_t matrix, int first_query, int first_key) {
  const DropoutFactors<false> factors_of(settings, matrix);
#pragma unroll
  for (int m = 0; m < rows / 16; ++m) {
#pragma unroll
    for (int n = 0; n < columns / 8; ++n) {
      float factors[4];
      factors_of(factors, first_query + 16 * m, first_key + 8 * n);
#pragma unroll
      for (int e = 0; e < 4; ++e) x.parts[m][n][e] *= factors[e];
    }
  }
}

}  // namespace shard::kernels
