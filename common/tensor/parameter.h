// Parameter: what training changes. Its value, its gradient, and which part of the whole tensor
// this rank holds.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "common/tensor/tensor.h"

namespace shard {

/// Where the initial values come from: element i of the whole tensor `name` is mean + deviation ·
/// normal(seed, name, i), whatever part of it a rank holds.
struct Init {
  uint64_t seed = 0;     // the same for all parameters
  float weight = 0.02f;  // deviation of matrices
  float vector =
      0.0f;  // deviation of biases and gains: not zero in tests, so that a forgotten bias shows

  /// The same with another deviation of matrices.
  Init with_weight(float deviation) const { return {seed, deviation, vector}; }
};

/// One weight matrix or vector, or this rank's part of it. It stays where it is: others keep its
/// address.
struct Parameter {
  std::string name;                         // GPT-2's name: "h.0.mlp.c_fc.weight"
  Shard shard;                              // this rank's part
  Tensor value;                             // [shard.local()]
  Tensor gradient;                          // the same shape; layers add to it
  std::function<void()> on_gradient_ready;  // see gradient_is_ready

  /// Takes memory for value and gradient; the value as Init says, with this mean and deviation; the
  /// gradient zero.
  Parameter(Backend& backend, std::string name, Shard shard, uint64_t seed, float deviation,
            float mean = 0.0f);
  Parameter(const Parameter&) = delete;

  bool is_replicated() const {
    return shard.is_everything();
  }  // whether every rank holds all of it
  bool is_matrix() const {
    return shard.whole.rank() == 2;
  }  // a weight that decays, not a bias or a gain

  /// Sets the value from the whole tensor, row-major. Throws Error for another number of values.
  void assign_whole(std::span<const float> whole);
  /// A layer's backward says so when it adds nothing more to this gradient in this pass: data
  /// parallelism listens.
  void gradient_is_ready() const {
    if (on_gradient_ready) on_gradient_ready();
  }
};

/// Parameters of a layer or of a model, in the order of its forward pass; the layer owns them.
using Parameters = std::vector<Parameter*>;

/// Appends `more` to `list`.
void append(Parameters& list, const Parameters& more);
/// Sets all gradients to 0, as at the begin of a step.
void zero_gradients(const Parameters& parameters);

}  // namespace shard
