// What the kernels of attention read.
#pragma once
#include <cstdint>

#include "common/tensor/attention_settings.h"

namespace shard::kernels {

struct AttentionSizes {
  int64_t matrices, queries, keys, width;
};

/// Of both passes. The backward pass alone has dout, and the final log_sum_exp and `sums`: Σ dout ∘
/// output of each query.
template <class T>
struct AttentionInputs {
  const T *q, *k, *v;
  AttentionSizes sizes;
  AttentionSettings settings;
  const T* dout = nullptr;
  const float *log_sum_exp = nullptr, *sums = nullptr;
};

}  // namespace shard::kernels
