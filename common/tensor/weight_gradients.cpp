#include "common/tensor/weight_gradients.h"

#include <algorithm>

#include "common/tensor/kept.h"
#include "common/tensor/linear.h"
#include "common/tensor/ops.h"

namespace shard {

void WeightGradient::add() const {
  if (bias == nullptr)
    add_matmul(weight->open_gradient(), transposed(x), dy);
  else
    add_linear_gradients(weight->open_gradient(), bias->open_gradient(), x, dy);
}

static void are_ready(const WeightGradient& product) {
  product.weight->gradient_is_ready();
  if (product.bias != nullptr) product.bias->gradient_is_ready();
}

static void add_now_or_later(const WeightGradient& product) {
  if (product.weight->take_product) return product.weight->take_product(product);
  product.add();
  are_ready(product);
}

void add_weight_gradient(Parameter& weight, const Tensor& x, const Tensor& dy) {
  add_now_or_later({&weight, nullptr, x, dy});
}

void add_linear_gradients(Parameter& weight, Parameter& bias, const Tensor& x, const Tensor& dy) {
  add_now_or_later({&weight, &bias, x, dy});
}

WeightGradientQueue::WeightGradientQueue(const Parameters& parameters) {
  for (Parameter* parameter : parameters) {
    require(!parameter->take_product, parameter->name, "'s products are in a queue already");
  }
  parameters_ = parameters;
  for (Parameter* parameter : parameters_)
    parameter->take_product = [this](const WeightGradient& product) { take(product); };
}

WeightGradientQueue::~WeightGradientQueue() {
  for (Parameter* parameter : parameters_) parameter->take_product = nullptr;
}

void WeightGradientQueue::take(WeightGradient product) {
  require(!passes_.empty(), product.weight->name, "'s product belongs to no pass: begin_pass()");
  passes_.back().push_back(std::move(product));
}

bool WeightGradientQueue::waits(const Parameter& weight) const {
  return std::ranges::any_of(passes_, [&](const auto& pass) {
    return std::ranges::any_of(pass, [&](const WeightGradient& product) {
      return product.weight == &weight;
    });
  });
}

void WeightGradientQueue::add_oldest_pass() {
  require(!passes_.empty(), "no weight gradients wait for their sum");
  const std::vector<WeightGradient> pass = std::move(passes_.front());
  passes_.pop_front();
  for (const WeightGradient& product : pass) {
    product.add();
    if (!waits(*product.weight)) are_ready(product);
  }
}

namespace {
struct Waiting {
  std::vector<Tensor> tensors;
  auto parts() const { return std::tie(tensors); }
};
}  // namespace

int64_t WeightGradientQueue::bytes() const {
  Waiting waiting;
  for (const auto& pass : passes_) {
    for (const WeightGradient& product : pass)
      waiting.tensors.insert(waiting.tensors.end(), {product.x, product.dy});
  }
  return bytes_of(waiting);
}

}  // namespace shard
