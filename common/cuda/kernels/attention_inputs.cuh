// What the kernels of attention read.
#pragma once
#include <cstdint>

#include "common/tensor/attention_settings.h"
#include "common/tensor/heads.h"

namespace shard::kernels {

/// Matrices [rows × width], one for each sequence and head.
template <class T>
struct Matrices {
  T* first;
  HeadSteps steps;
  SHARD_HOST_DEVICE T* operator[](int64_t matrix) const { return first + steps.first_of(matrix); }
  /// A row of a matrix.
  SHARD_HOST_DEVICE T* row(int64_t matrix, int64_t number) const {
    return (*this)[matrix] + number * steps.row;
  }
};

struct AttentionSizes {
  int64_t matrices, queries, keys, width;
};

/// Of both passes. The backward pass alone has dout and output, the final log_sum_exp, and `sums`:
/// Σ dout ∘ output of each query.
template <class T>
struct AttentionInputs {
  Matrices<const T> q, k, v;
  AttentionSizes sizes;
  AttentionSettings settings;
  Matrices<const T> dout = {}, output = {};
  const float* log_sum_exp = nullptr;
  float* sums = nullptr;  // computed by the first kernel, and read by those that follow
};

}  // namespace shard::kernels
