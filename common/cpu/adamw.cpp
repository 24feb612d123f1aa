// The optimizer's step. Compiled so that every operation is rounded, none is left out or fused with
// another, and their order stays (CMakeLists.txt): an element gets the same bits wherever in a
// tensor it lies, so ranks that update a part of it each get what one rank gets for all of it.
#include <cmath>

#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"

namespace shard {

void CpuBackend::adamw(std::span<const TrainedWeight> all, const Tensor& gradient_factor,
                       const AdamW& hyper) {
  const float factor = *gradient_factor.data<float>();
  if (!is_finite(factor)) return;
  const auto step = static_cast<double>(hyper.step);
  const auto c1 = static_cast<float>(1.0 - std::pow(double{hyper.beta1}, step));
  const auto c2 = static_cast<float>(1.0 - std::pow(double{hyper.beta2}, step));
  for (const TrainedWeight& trained : all) {
    float *w = trained.weight.data<float>(), *first = trained.first_moment.data<float>(),
          *second = trained.second_moment.data<float>();
    const float* g = trained.gradient.data<float>();
    AdamW own = hyper;
    if (!trained.decays) own.weight_decay = 0.0f;
    constexpr int64_t cost = 8;
    parallel_for(trained.weight.elements(), cost, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        adamw_update(w[i], first[i], second[i], factor * g[i], own, c1, c2);
    });
  }
}

}  // namespace shard
