// DataParallel: every rank has all weights and its own part of the batch; the gradients are summed
// over the ranks.
//     dL/dw = Σ over ranks of (Σ over the rank's samples of dL_sample/dw) / samples in the whole
//     batch
// The gradients live in buckets, filled in the order in which the backward pass finishes them, so
// that the all-reduce of one bucket runs while earlier layers are still at work. Li et al.,
// "PyTorch Distributed", arXiv:2006.15704, section 3.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "common/comm/communicator.h"
#include "common/tensor/parameter.h"

namespace shard {

/// Which parameters share a bucket, if these are their elements in the order of the forward pass:
/// ranges of their numbers, from the last one to the first, each of at least `bucket_bytes` in f32
/// (the last may be smaller). A bucket holds its parameters from the last to the first, as the
/// backward pass finishes them.
std::vector<Range> bucket_ranges(std::span<const int64_t> elements, int64_t bucket_bytes);

class DataParallel {
 public:
  /// `parameters` in the order of the forward pass. Of those that are partial over `axis`, which is
  /// the group's, the gradients become views of this object's buckets, each of about
  /// `bucket_bytes`, filled from the last parameter to the first. Gradients are sums in f32;
  /// reduced in bf16, where the device has it, they are rounded before they travel: half the bytes.
  DataParallel(Communicator& group, const Parameters& parameters, int64_t bucket_bytes,
               DataType reduce_in = DataType::f32, std::string_view axis = "dp");
  DataParallel(const DataParallel&) = delete;

  void zero_gradients();  // of all parameters
  /// The next backward pass is the last of this step: its gradients are reduced as they become
  /// ready. Passes before it only accumulate, so that a step of many micro-batches reduces once.
  void reduce_in_next_backward();
  /// Waits for all buckets. Throws Error, naming the parameter, if the backward pass left one out.
  void wait();

  struct Bucket {
    Tensor gradients;                     // [elements], one parameter's after the other
    std::vector<std::string> parameters;  // their names
    int waiting_for = 0;                  // parameters that are not ready yet in this pass
    double started = 0, finished = 0;     // moments of the all-reduce (clock.h), for reports
  };
  const std::vector<Bucket>& buckets() const { return buckets_; }

 private:
  void add_bucket(const Parameters& parameters);
  void on_ready(size_t index);

  Communicator& group_;
  DataType reduce_in_;
  Parameters others_;  // that are not reduced here
  std::vector<Bucket> buckets_;
  std::vector<PendingSum> pending_;  // in the order in which the buckets were started
  std::vector<size_t> started_;      // the buckets of pending_
  std::vector<Listener> listeners_;  // one a parameter
  bool reducing_ = false;
};

}  // namespace shard
