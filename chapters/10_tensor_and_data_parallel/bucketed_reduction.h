// BucketedReduction: part 2 of a step, with the buckets of chapter 09 for the ranks that have other
// tokens (data_ranks.h): data-parallel ones, context-parallel ones with them (chapter 20), and
// those of experts (chapter 21). What is partial over other axes, too, is summed at the end.
#pragma once
#include "chapters/09_data_parallel/data_parallel.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "common/comm/data_ranks.h"
#include "common/comm/partial_gradients.h"

namespace shard {

class BucketedReduction : public GradientReduction {
 public:
  // Large enough that an all-reduce is worth its latency, small enough that the first starts early
  // in the backward pass.
  static constexpr int64_t bucket_bytes = 1 << 20;

  /// Collective over the grid's ranks.
  BucketedReduction(Grid& grid, const Parameters& parameters, DataType reduce_in)
      : grid_(grid),
        parameters_(parameters),
        data_parallel_(grid.data(), parameters, bucket_bytes, reduce_in),
        others_(grid, parameters, axes_of_data_ranks()) {
    Parameters experts;
    for (Parameter* parameter : parameters)
      if (&data_ranks_of(grid, *parameter) != &grid.data()) experts.push_back(parameter);
    if (groups_of_data_ranks(grid).size() > 1)
      experts_.emplace(grid.group({"edp"}), experts, bucket_bytes, reduce_in, "edp");
  }
  void zero_gradients() override {
    data_parallel_.zero_gradients();
    if (experts_) experts_->zero_gradients();
  }
  void reduce_in_next_backward() override {
    data_parallel_.reduce_in_next_backward();
    if (experts_) experts_->reduce_in_next_backward();
  }
  void wait() override {
    data_parallel_.wait();
    if (experts_) experts_->wait();
    others_.sum();
  }
  std::vector<StateTensor> gradients() const override {
    std::vector<StateTensor> all;
    for (const Parameter* parameter : parameters_) {
      all.push_back({.name = parameter->name,
                     .shard = parameter->shard,
                     .part = parameter->gradient,
                     .writes = parameter->counts && data_ranks_of(grid_, *parameter).rank() == 0});
    }
    return all;
  }

 private:
  Grid& grid_;
  Parameters parameters_;
  DataParallel data_parallel_;
  std::optional<DataParallel> experts_;
  PartialGradients others_;
};

}  // namespace shard
