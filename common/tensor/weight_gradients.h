// Weight gradients: of the backward pass of Y = X·W, the half that no other layer waits for.
//     dX = dY·Wᵀ, for the layer before;   dW += Xᵀ·dY, for nobody before the step's end
// Layers leave the second half to add_weight_gradient: it is added at once, or, while there is a
// WeightGradientQueue, when that is told to. Qi et al., "Zero bubble pipeline parallelism",
// arXiv:2401.10241, section 2.
#pragma once
#include <deque>
#include <vector>

#include "common/tensor/parameter.h"

namespace shard {

/// What one backward pass adds to the gradient of a weight [k × n], and of its bias [n], if there
/// is one here.
struct WeightGradient {
  Parameter* weight;
  Parameter* bias;  // or nullptr
  Tensor x, dy;     // [m × k], [m × n]

  /// dW += Xᵀ·dY, and db += Σ over rows of dY.
  void add() const;
};

/// dweight += Xᵀ·dY, and the weight's gradient is ready after this pass. x [m × k], dy [m × n],
/// weight [k × n]. Neither x nor dy may change afterwards: a queue may hold them.
void add_weight_gradient(Parameter& weight, const Tensor& x, const Tensor& dy);
/// The same together with dbias += Σ over rows of dY, bias [n], in one operation.
void add_linear_gradients(Parameter& weight, Parameter& bias, const Tensor& x, const Tensor& dy);

/// While it exists, it takes the products that backward passes would add to gradients of its
/// weights, pass by pass, and adds them in the same order when it is told to: the same sums.
class WeightGradientQueue {
 public:
  /// Of these parameters, which must outlive it. Throws Error if another queue has one of them.
  explicit WeightGradientQueue(const Parameters& parameters);
  WeightGradientQueue(const WeightGradientQueue&) = delete;
  ~WeightGradientQueue();  // drops what waits

  /// What follows belongs to another backward pass.
  void begin_pass() { passes_.emplace_back(); }
  /// Adds the products of the oldest pass that waits. A gradient is ready when none of its products
  /// wait any more. Throws Error if no pass waits.
  void add_oldest_pass();

  int64_t passes() const { return std::ssize(passes_); }  // that wait
  int64_t bytes() const;  // of device memory that their x and dy keep alive

 private:
  void take(WeightGradient product);
  bool waits(const Parameter& weight) const;

  Parameters parameters_;
  std::deque<std::vector<WeightGradient>> passes_;
};

}  // namespace shard
