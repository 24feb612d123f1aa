// Checks of passes for the tests of all layers: a layer holds no state of a pass, two passes may be
// under way at once, and weights and gradients need to exist only while they are used.
#pragma once
#include <limits>
#include <memory>

#include "common/tensor/kept.h"
#include "common/tensor/parameter.h"
#include "tests/chapters/block_support.h"

namespace shard {

/// A layer and its passes. Pass 0 and pass 1 have different data of the same shapes.
template <class Layer>
struct Passes {
  using Kept = typename Layer::Kept;
  std::function<std::unique_ptr<Layer>()> make;
  std::function<Tensor(const Layer& layer, int pass, Kept& kept)> forward;
  std::function<Tensor(Layer& layer, int pass, Kept& kept)> backward;  // dX, or nothing
};

template <class Layer>
Parameters parameters_of(Layer& layer) {
  if constexpr (requires { layer.parameters(); }) return layer.parameters();
  return {};
}

/// The results of a pass that runs alone on a layer of its own.
struct PassResult {
  Tensor y, dx;
  std::vector<Tensor> gradients;
};

template <class Layer>
PassResult pass_alone(const Passes<Layer>& passes, int pass) {
  const std::unique_ptr<Layer> layer = passes.make();
  typename Layer::Kept kept;
  const Tensor y = passes.forward(*layer, pass, kept).clone();
  const Tensor dx = passes.backward(*layer, pass, kept);
  return {y, dx, copied_gradients(parameters_of(*layer))};
}

inline void check_same(const Tensor& got, const Tensor& expected) {
  CHECK(bool(got) == bool(expected));
  if (expected) CHECK(reference::relative_error(got, expected) < tolerance);
}

/// Forward 0, forward 1, then backward in this order: as if each were alone.
template <class Layer>
void check_two_passes(const Passes<Layer>& passes, const std::vector<PassResult>& alone,
                      const std::vector<int>& backward_order) {
  INFO("backward of pass ", backward_order[0], " first");
  const std::unique_ptr<Layer> layer = passes.make();
  typename Layer::Kept kept[2];
  for (int pass : {0, 1}) check_same(passes.forward(*layer, pass, kept[pass]), alone[pass].y);
  for (int pass : backward_order)
    check_same(passes.backward(*layer, pass, kept[pass]), alone[pass].dx);
  const Parameters parameters = parameters_of(*layer);
  for (size_t i = 0; i < parameters.size(); ++i) {
    INFO("gradient of ", parameters[i]->name);
    check_same(parameters[i]->gradient, add(alone[0].gradients[i], alone[1].gradients[i]));
  }
}

inline void destroy(Tensor& value) { fill(value, std::numeric_limits<float>::quiet_NaN()); }

/// Values that are NaN except during their use give the same results.
template <class Layer>
void check_coming_and_going(const Passes<Layer>& passes, const PassResult& alone) {
  INFO("weights that come and go");
  const std::unique_ptr<Layer> layer = passes.make();
  const Parameters parameters = parameters_of(*layer);
  std::vector<int> used(parameters.size(), 0), in_use(parameters.size(), 0);
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor value = parameters[i]->value;
    const Tensor stored = value.clone();
    destroy(value);
    parameters[i]->before_use = [&used, &in_use, value, stored, i]() mutable {
      ++used[i];
      if (in_use[i]++ == 0) copy(value, stored);
    };
    parameters[i]->after_use = [&in_use, value, i]() mutable {
      if (--in_use[i] == 0) destroy(value);
    };
  }
  typename Layer::Kept kept;
  check_same(passes.forward(*layer, 0, kept), alone.y);
  check_same(passes.backward(*layer, 0, kept), alone.dx);
  for (size_t i = 0; i < parameters.size(); ++i) {
    INFO("gradient of ", parameters[i]->name);
    check_same(parameters[i]->gradient, alone.gradients[i]);
    CHECK(used[i] > 0);
    CHECK(in_use[i] == 0);
  }
}

/// Gradients that get memory only when they are added to, until they are ready, are the same.
template <class Layer>
void check_gradients_on_demand(const Passes<Layer>& passes, const PassResult& alone) {
  INFO("gradients on demand");
  const std::unique_ptr<Layer> layer = passes.make();
  const Parameters parameters = parameters_of(*layer);
  std::vector<Tensor> finished(parameters.size());
  std::vector<Listener> listeners;
  for (size_t i = 0; i < parameters.size(); ++i) {
    Parameter& parameter = *parameters[i];
    parameter.gradient = {};
    parameter.before_gradient = [&parameter] {
      if (!parameter.gradient)
        parameter.gradient = Tensor::zeros(backend(), parameter.shard.local());
    };
    listeners.push_back(parameter.on_gradient_ready([&parameter, &finished, i] {
      CHECK(!finished[i]);
      finished[i] = std::move(parameter.gradient);
      parameter.gradient = {};
    }));
  }
  typename Layer::Kept kept;
  passes.forward(*layer, 0, kept);
  check_same(passes.backward(*layer, 0, kept), alone.dx);
  for (size_t i = 0; i < parameters.size(); ++i) {
    INFO("gradient of ", parameters[i]->name);
    check_same(finished[i], alone.gradients[i]);
  }
}

/// All of the above.
template <class Layer>
void check_passes(const Passes<Layer>& passes) {
  const std::vector<PassResult> alone = {pass_alone(passes, 0), pass_alone(passes, 1)};
  CHECK(reference::relative_error(alone[0].y, alone[1].y) >
        0.1);  // otherwise a mix-up would not be noticed
  check_two_passes(passes, alone, {1, 0});
  check_two_passes(passes, alone, {0, 1});
  check_coming_and_going(passes, alone[0]);
  check_gradients_on_demand(passes, alone[0]);
}

}  // namespace shard
