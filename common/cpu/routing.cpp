// The operations of a mixture of experts on the CPU.
#include "common/tensor/routing.h"

#include <algorithm>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"

namespace shard {

static RoutedToken token_of(const Routing& routing, int64_t token) {
  const int64_t experts = routing.probabilities.columns(), k = routing.chosen.columns();
  return {experts,
          k,
          routing.by,
          routing.probabilities.data<float>() + token * experts,
          routing.chosen.data<int32_t>() + token * k,
          routing.weights.data<float>() + token * k};
}

/// For parallel_for: operations for a token.
static int64_t cost_of(const Routing& routing) {
  return routing.probabilities.columns() * (8 + routing.chosen.columns());
}

void CpuBackend::route(Routing& routing, const Tensor& logits, const Tensor& bias) {
  const float* all = logits.data<float>();
  const float* added = bias ? bias.data<float>() : nullptr;
  parallel_for(logits.rows(), cost_of(routing), [&](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token)
      route_token(all + token * logits.columns(), added, token_of(routing, token));
  });
}

void CpuBackend::route_backward(Tensor& dlogits, const Routing& routing, const Tensor& dweights,
                                const Tensor& dprobabilities) {
  const float* const common = dprobabilities ? dprobabilities.data<float>() : nullptr;
  float* const all = dlogits.data<float>();
  const float* const upstream = dweights.data<float>();
  parallel_for(dlogits.rows(), cost_of(routing), [&](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token)
      route_token_backward(all + token * dlogits.columns(), token_of(routing, token),
                           upstream + token * dweights.columns(), common);
  });
}

void CpuBackend::occurrences(Tensor& counts, const Tensor& ids) {
  int32_t* count = counts.data<int32_t>();
  const int32_t* id = ids.data<int32_t>();
  std::fill_n(count, counts.elements(), 0);
  for (int64_t i = 0; i < ids.elements(); ++i) {
    if (id[i] >= 0 && id[i] < counts.elements()) ++count[id[i]];
  }
}

void CpuBackend::sum_of_rows(Tensor& y, const Tensor& rows, const Tensor& places,
                             const Tensor& weights) {
  const int64_t width = rows.columns(), k = places.columns();
  const float* from = rows.data<float>();
  const float* factor = weights ? weights.data<float>() : nullptr;
  const int32_t* place = places.data<int32_t>();
  float* to = y.data<float>();
  parallel_for(y.rows(), k * width, [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      float* sums = to + token * width;
      std::fill_n(sums, width, 0.0f);
      for (int64_t choice = token * k; choice < (token + 1) * k; ++choice) {
        if (place[choice] < 0) continue;
        const float weight = factor != nullptr ? factor[choice] : 1.0f;
        const float* row = from + place[choice] * width;
        for (int64_t i = 0; i < width; ++i) sums[i] += weight * row[i];
      }
    }
  });
}

void CpuBackend::sum_of_rows_backward(SumOfRowsBackward& result, const Tensor& dy,
                                      const Tensor& rows, const Tensor& places,
                                      const Tensor& weights) {
  const int64_t width = rows.columns(), k = places.columns();
  const float *from = rows.data<float>(), *factor = weights.data<float>(),
              *upstream = dy.data<float>();
  const int32_t* place = places.data<int32_t>();
  float *to = result.drows.data<float>(), *dots = result.dweights.data<float>();
  parallel_for(dy.rows(), k * width, [=](int64_t begin, int64_t end) {
    for (int64_t choice = begin * k; choice < end * k; ++choice) {
      dots[choice] = 0;
      if (place[choice] < 0) continue;
      const float* of_token = upstream + choice / k * width;
      const int64_t row = place[choice] * width;
      float dot = 0;
      for (int64_t i = 0; i < width; ++i) {
        to[row + i] = factor[choice] * of_token[i];
        dot += of_token[i] * from[row + i];
      }
      dots[choice] = dot;
    }
  });
}

}  // namespace shard
