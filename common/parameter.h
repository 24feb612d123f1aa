// Parameter: what training changes. Its value, its gradient, and which part of the whole tensor this rank holds.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "common/tensor.h"

namespace shard {

/// Where the initial values come from: element i of the whole tensor `name` is mean + deviation · normal(seed, name, i),
/// whatever part of it a rank holds.
struct Init {
  uint64_t seed = 0;
  float weight = 0.02f;  // deviation of matrices
  float vector = 0.0f;   // deviation of biases and gains: not zero in tests, so that a forgotten bias shows

  Init with_weight(float deviation) const { return {seed, deviation, vector}; }
};

struct Parameter {
  std::string name;                         // GPT-2's name: "h.0.mlp.c_fc.weight"
  Shard shard;                              // this rank's part
  Tensor value;                             // [shard.local()]
  Tensor gradient;                          // the same shape; layers add to it
  std::function<void()> on_gradient_ready;  // see gradient_is_ready

  Parameter(Backend& backend, std::string name, Shard shard, uint64_t seed, float deviation, float mean = 0.0f);
  Parameter(const Parameter&) = delete;

  bool is_replicated() const { return shard.is_everything(); }
  bool is_matrix() const { return shard.whole.rank() == 2; }

  /// Sets the value from the whole tensor.
  void assign_whole(std::span<const float> whole);
  /// A layer's backward says so when it adds nothing more to this gradient in this pass: data parallelism listens.
  void gradient_is_ready() const {
    if (on_gradient_ready) on_gradient_ready();
  }
};

using Parameters = std::vector<Parameter*>;

/// Appends `more` to `list`.
void append(Parameters& list, const Parameters& more);
void zero_gradients(const Parameters& parameters);

}  // namespace shard
