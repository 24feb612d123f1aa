// A small model and a task to train it on: residual MLPs of chapter 05 that learn to imitate
// another model of the same shape.
#pragma once
#include <memory>
#include <vector>

#include "chapters/05_parallel_mlp/parallel_mlp.h"

namespace shard::chapter_09 {

/// y = x + mlp₁(x), z = y + mlp₂(y), …: `layers` residual MLPs, width → 2·width → width.
class SmallModel {
 public:
  SmallModel(Communicator& group, int64_t layers, int64_t width, uint64_t seed);

  struct Kept {
    std::vector<ParallelMlp::Kept> layers;
    auto parts() const { return std::tie(layers); }
  };
  Tensor forward(const Tensor& x, Kept& kept) const;    // [samples × width]
  Tensor backward(const Tensor& dy, const Kept& kept);  // [samples × width]
  Parameters parameters();

 private:
  std::vector<std::unique_ptr<ParallelMlp>> layers_;
};

/// Samples `range` of batch number `step`: row i is a function of (seed, step, i), whichever rank
/// asks for it.
Tensor samples(Backend& backend, uint64_t seed, int64_t step, int64_t width, Range range);

/// The squared error of y against `wanted`, averaged over `whole_batch` samples: adds Σ (y -
/// wanted)² / (whole_batch · width) to loss [1], and returns its gradient. Called with a part of
/// the batch, it gives that part's share.
Tensor squared_error(const Tensor& y, const Tensor& wanted, int64_t whole_batch, Tensor& loss);

}  // namespace shard::chapter_09
