// BucketedReduction: part 2 of a step, with the buckets of chapter 09.
#pragma once
#include "chapters/09_data_parallel/data_parallel.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"

namespace shard {

class BucketedReduction : public GradientReduction {
 public:
  // Large enough that an all-reduce is worth its latency, small enough that the first starts early
  // in the backward pass.
  static constexpr int64_t bucket_bytes = 1 << 20;

  BucketedReduction(Communicator& dp, const Parameters& parameters, DataType reduce_in)
      : data_parallel_(dp, parameters, bucket_bytes, reduce_in) {}
  void zero_gradients() override { data_parallel_.zero_gradients(); }
  void reduce_in_next_backward() override { data_parallel_.reduce_in_next_backward(); }
  void wait() override { data_parallel_.wait(); }

 private:
  DataParallel data_parallel_;
};

}  // namespace shard
