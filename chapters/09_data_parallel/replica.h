// Replica: one copy of the small model on a data-parallel rank, and what a step does with it.
#pragma once
#include "chapters/09_data_parallel/data_parallel.h"
#include "chapters/09_data_parallel/small_model.h"
#include "common/program/runtime.h"

namespace shard::chapter_09 {

struct Settings {
  int64_t layers = 3, width = 36, batch = 50, steps = 12, accumulate = 4, bucket_kilobytes = 16;
  double learning_rate = 1.0;
  uint64_t seed = 0;
};

struct Replica {
  const Settings& settings;
  Communicator& group;                  // of the replicas
  std::unique_ptr<Communicator> alone;  // within a replica nothing is split
  SmallModel model, teacher;
  DataParallel data_parallel;
  Tensor loss;  // [1], this rank's share

  Replica(Runtime& runtime, Communicator& replicas, const Settings& s);

  /// Forward and backward of samples `range` of batch `step`, whose mean is over `mean_over`
  /// samples.
  void pass(int64_t step, Range range, int64_t mean_over);
  /// The gradients of the mean loss over the whole batch, on every rank, in `passes` micro-batches
  /// and one reduction. Returns that loss.
  double gradients(int64_t step, int64_t passes);
  /// One step of gradient descent.
  void descend();

  /// This rank's samples of the batch.
  Range part() const { return part_of(settings.batch, group.size(), group.rank()); }
};

/// The largest relative error of a parameter's value, or of its gradient, against that of the other
/// replica.
double value_error(Replica& got, Replica& expected);
double gradient_error(Replica& got, Replica& expected);

}  // namespace shard::chapter_09
