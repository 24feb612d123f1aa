// The four parts of a training step. Each is an object of its own, which another can replace: a
// pipeline's schedule computes the gradients in another order, a sharded optimizer reduces and
// updates only what is its own.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chapters/10_tensor_and_data_parallel/batch.h"
#include "common/comm/communicator.h"

namespace shard {

/// A tensor of the model's training, such as a weight, a moment or a gradient: this rank's part of
/// it.
struct StateTensor {
  std::string name;     // the parameter's; of moments with ".first_moment" behind it
  Shard shard;          // which part of the whole
  Tensor part;          // in f32: [shard.local()], or of its elements, row-major, those in `held`
  bool writes = false;  // whether this rank is the one of those with this part that saves it
  /// Where several ranks share out the elements of `shard`: those that this one has, maybe none.
  std::optional<Range> held = std::nullopt;

  /// Calls visit(begin, whole_begin, length) for each run of elements that are consecutive both in
  /// `part` and in the whole tensor.
  void for_each_run(const std::function<void(int64_t, int64_t, int64_t)>& visit) const;
  /// Sets `part` from the values of all of `shard`. Throws Error for a wrong number of values.
  void assign(std::span<const float> of_shard);
};

/// The whole tensor, on every rank: each element from the rank that writes it, 0 without one.
/// Collective over the ranks of `all`.
Tensor whole_of(Communicator& all, const StateTensor& tensor);

/// Part 2: sums the gradients over the ranks that have computed them from different data.
class GradientReduction {
 public:
  virtual ~GradientReduction() = default;
  virtual void zero_gradients() = 0;
  /// The next backward pass is the last of this step: gradients are reduced as they become ready.
  virtual void reduce_in_next_backward() = 0;
  /// Returns when all gradients are reduced.
  virtual void wait() = 0;
  /// What this rank has of each parameter's sum after wait(). Every rank has all names, in one
  /// order, and the tensors stay the same ones.
  virtual std::vector<StateTensor> gradients() const = 0;
};

/// Part 1: the forward and backward passes of one step.
class ForwardBackward {
 public:
  virtual ~ForwardBackward() = default;
  /// Adds the gradients of the whole batch's mean loss, as far as this rank's sequences make them,
  /// and tells `reduction` before the last backward pass. Returns the sum of the losses of this
  /// rank's tokens: [1], on the device.
  virtual Tensor run(int64_t step, const BatchOf& batch_of, GradientReduction& reduction) = 0;
  virtual int64_t tokens_per_step() const = 0;  // of the whole batch
};

/// Part 3: the size of the whole model's gradient, which clipping needs.
class GradientNorm {
 public:
  virtual ~GradientNorm() = default;
  /// Σ g² over all parameters: [1], on the device, the same on every rank.
  virtual Tensor sum_of_squares() = 0;
};

/// What a checkpoint saves, and sets, whatever the layout. Every rank has all names, in one order.
struct TrainingState {
  std::vector<StateTensor> weights, moments;
};

/// Part 4: changes the weights.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One step with the gradients times `gradient_factor` ([1]). Where that is NaN, as for gradients
  /// that are not finite, the weights stay as they are.
  virtual void update(int64_t step, double learning_rate, const Tensor& gradient_factor) = 0;
  virtual TrainingState state() = 0;
  /// Someone has set the tensors of state(): brings the model's weights in line with them.
  virtual void state_was_set() = 0;
};

}  // namespace shard
