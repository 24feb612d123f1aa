#include "common/tensor/parameter.h"

#include <algorithm>

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

Tensor Parameter::without_padding(const Tensor& held) const {
  std::vector<float> values(static_cast<size_t>(shard.whole.elements()));
  shard.paste(held.to_host(), values);
  return Tensor::from(held.backend(), shard.whole, std::span<const float>(values));
}

void Parameter::assign_whole(std::span<const float> whole) {
  value.assign(std::span<const float>(shard.cut(whole)));
}

bool Parameter::is_partial_over(std::string_view axis) const {
  return std::ranges::find(partial_over, axis) != partial_over.end();
}

void Parameter::gradient_is_ready() const {
  for (const auto& weak : listeners_) {
    if (const Listener listener = weak.lock()) (*listener)();
  }
}

Listener Parameter::on_gradient_ready(std::function<void()> call) {
  std::erase_if(listeners_, [](const auto& weak) { return weak.expired(); });
  Listener listener = std::make_shared<const std::function<void()>>(std::move(call));
  listeners_.push_back(listener);
  return listener;
}

void append(Parameters& list, const Parameters& more) {
  list.insert(list.end(), more.begin(), more.end());
}

std::vector<int64_t> local_elements(const Parameters& parameters) {
  std::vector<int64_t> elements;
  for (const Parameter* parameter : parameters)
    elements.push_back(parameter->shard.local().elements());
  return elements;
}

void zero_gradients(const Parameters& parameters) {
  std::vector<Tensor> gradients;
  for (const Parameter* parameter : parameters) gradients.push_back(parameter->gradient);
  zero(gradients);
}

void add_counted_squares(Tensor& total, const Parameters& parameters) {
  std::vector<Tensor> counted;
  for (const Parameter* parameter : parameters) {
    if (parameter->counts) counted.push_back(parameter->gradient);
  }
  add_sum_of_squares(total, counted);
}

}  // namespace shard
