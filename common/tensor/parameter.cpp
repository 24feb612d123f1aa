#include "common/tensor/parameter.h"

#include "common/base/random.h"
#include "common/tensor/ops.h"

namespace shard {

Parameter::Parameter(Backend& backend, std::string the_name, Shard the_shard, uint64_t seed,
                     float deviation, float mean)
    : name(std::move(the_name)),
      shard(std::move(the_shard)),
      gradient(Tensor::zeros(backend, shard.local())) {
  const RandomStream random{seed, stream_of(name)};
  std::vector<float> values(static_cast<size_t>(gradient.elements()), 0.0f);
  shard.for_each_run([&](int64_t local_begin, int64_t whole_begin, int64_t length) {
    for (int64_t i = 0; i < length; ++i) {
      const float noise = deviation == 0.0f
                              ? 0.0f
                              : deviation * random.normal(static_cast<uint64_t>(whole_begin + i));
      values[static_cast<size_t>(local_begin + i)] = mean + noise;
    }
  });
  value = Tensor::from(backend, shard.local(), std::span<const float>(values));
}

void Parameter::assign_whole(std::span<const float> whole) {
  value.assign(std::span<const float>(shard.cut(whole)));
}

void append(Parameters& list, const Parameters& more) {
  list.insert(list.end(), more.begin(), more.end());
}

void zero_gradients(const Parameters& parameters) {
  for (Parameter* parameter : parameters) fill(parameter->gradient, 0.0f);
}

}  // namespace shard
