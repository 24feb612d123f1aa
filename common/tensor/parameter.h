// Parameter: a trainable tensor. Its value, its gradient, which part of the whole tensor this rank
// holds, and what the gradient still lacks after the backward pass.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/tensor/tensor.h"

namespace shard {

/// Where the initial values come from: element i of the whole tensor `name` is mean + deviation ·
/// normal(seed, name, i), whatever part of it a rank holds.
struct Init {
  uint64_t seed = 0;     // the same for all parameters
  float weight = 0.02f;  // deviation of matrices
  // deviation of biases and gains: not zero in tests, so that a missing bias is noticed
  float vector = 0.0f;

  /// The same with another deviation of matrices.
  Init with_weight(float deviation) const { return {seed, deviation, vector}; }
};

struct WeightGradient;  // weight_gradients.h

/// A call that is made as long as this handle (or a copy of it) exists.
using Listener = std::shared_ptr<const std::function<void()>>;

/// One weight matrix or vector, or this rank's part of it. It is not moved: others keep its
/// address.
struct Parameter {
  std::string name;  // GPT-2's name: "h.0.mlp.c_fc.weight"
  Shard shard;       // this rank's part
  Tensor value;      // [shard.local()]
  Tensor gradient;   // the same shape; layers add to it (open_gradient)

  /// The axes of the grid over which the gradient is still a partial sum after the backward pass:
  /// the gradient of the whole batch is the sum over the ranks that differ in these axes, and that
  /// hold this parameter.
  std::vector<std::string> partial_over = {"dp"};
  /// Whether it counts here: of the ranks of one replica of the model that hold the same, exactly
  /// one counts it in the gradient's norm, and writes it to a checkpoint. Replicas, which differ in
  /// the axes "dp" and "cp", all say the same.
  bool counts = true;

  /// Called before and after each use() of the value: of weights that are there only while they
  /// are used. Uses of one parameter may overlap. after_use must not throw.
  std::function<void()> before_use, after_use;
  /// Called by each open_gradient(): of gradients that are there only while they are added to.
  std::function<void()> before_gradient;
  /// Takes the products that layers would add to the gradient of a weight, to add them later.
  std::function<void(const WeightGradient&)> take_product;

  /// Takes memory for value and gradient; the value as Init says, with this mean and deviation; the
  /// gradient zero.
  Parameter(Backend& backend, std::string name, Shard shard, uint64_t seed, float deviation,
            float mean = 0.0f);
  Parameter(const Parameter&) = delete;

  /// The value while it is used: layers compute with *weight.use(), forward and backward.
  class Use {
   public:
    explicit Use(const Parameter& parameter) : parameter_(parameter) {
      if (parameter_.before_use) parameter_.before_use();
    }
    ~Use() {
      if (parameter_.after_use) parameter_.after_use();
    }
    Use(const Use&) = delete;
    const Tensor& operator*() const { return parameter_.value; }

   private:
    const Parameter& parameter_;
  };
  Use use() const { return Use(*this); }

  // whether every rank holds all of it
  bool is_replicated() const { return shard.is_everything(); }
  bool is_partial_over(std::string_view axis) const;
  // a weight that decays, not a bias or a gain
  bool is_matrix() const { return shard.whole.rank() == 2; }

  /// The whole tensor, from `held`: the value or the gradient on a rank that holds all of it, and
  /// perhaps padding.
  Tensor without_padding(const Tensor& held) const;
  /// Sets the value from the whole tensor, row-major. Throws Error for another number of values.
  void assign_whole(std::span<const float> whole);

  /// The gradient to add to: layers' backward passes reach it this way, and say below when they are
  /// done with it.
  Tensor& open_gradient() {
    if (before_gradient) before_gradient();
    return gradient;
  }
  /// Called by a layer's backward when it adds nothing more to this gradient in this pass.
  void gradient_is_ready() const;
  /// Registers a listener, as data parallelism does: `call` is called after those of earlier
  /// listeners, as long as the handle exists.
  [[nodiscard]] Listener on_gradient_ready(std::function<void()> call);

 private:
  std::vector<std::weak_ptr<const std::function<void()>>> listeners_;
};

/// Parameters of a layer or of a model, in the order of its forward pass; the layer owns them.
using Parameters = std::vector<Parameter*>;

/// Appends `more` to `list`.
void append(Parameters& list, const Parameters& more);
/// How many elements each has on this rank, padding included.
std::vector<int64_t> local_elements(const Parameters& parameters);
/// Sets all gradients to 0, as at the beginning of a step.
void zero_gradients(const Parameters& parameters);
/// total[0] += Σ g² over the gradients that count on this rank, on the device. Summed over the
/// ranks of one replica, that is the square of the whole gradient's norm. total [1].
void add_counted_squares(Tensor& total, const Parameters& parameters);

}  // namespace shard
