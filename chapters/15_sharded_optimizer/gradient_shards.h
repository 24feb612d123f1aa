// GradientShards: part 2 of a step. Each data-parallel rank gets the sums of its own range of every
// bucket, and no others: a reduce-scatter in place of chapter 09's all-reduce. Experts (chapter 21)
// have data-parallel ranks of their own, and so buckets of their own.
//     own range of g = Σ over ranks of that range of g_rank
// Rajbhandari et al., "ZeRO", arXiv:1910.02054, section 5.2.
#pragma once
#include <deque>
#include <optional>

#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "chapters/15_sharded_optimizer/flat_bucket.h"
#include "common/comm/partial_gradients.h"

namespace shard {

/// What data-parallel ranks share out besides AdamW's moments, and when they reduce. Ψ parameters
/// of 4 bytes on d ranks:
enum class Sharding {
  /// ZeRO-1. Gradients stay whole, and are reduced in a step's last backward pass: (8 + 8/d)Ψ
  /// bytes.
  moments,
  /// ZeRO-2. Gradients are whole during a backward pass only, and reduced in each: (4 + 12/d)Ψ
  /// bytes between passes; m passes reduce m times as much.
  gradients,
  /// ZeRO-2 that accumulates whole gradients, and reduces in the last pass: the fewest bytes are
  /// sent, and (4 + 12/d)Ψ are held after a step only.
  gradients_in_last_pass,
};

class GradientShards : public GradientReduction {
 public:
  static constexpr int64_t default_bucket_bytes = 1 << 20;  // as in chapter 10

  /// `parameters` in the order of the forward pass, each partial over "dp", or over "edp"; where
  /// one is partial over other axes, too, these are summed first, at the end of the last pass.
  /// Throws Error for one that is not (data_ranks_of). Sums are taken in f32, or sent in bf16,
  /// where the device has it. Collective over the grid's ranks.
  GradientShards(Grid& grid, const Parameters& parameters, Sharding sharding,
                 DataType reduce_in = DataType::f32, int64_t bucket_bytes = default_bucket_bytes);
  GradientShards(const GradientShards&) = delete;
  ~GradientShards() override;

  void zero_gradients() override;
  void reduce_in_next_backward() override;
  void wait() override;
  std::vector<StateTensor> gradients() const override;

  struct Bucket {
    Communicator* group;  // the ranks that share it out
    FlatBucket flat;
    Tensor own;              // [own range] of the sums
    Tensor gradients = {};   // [flat.padded()]: this rank's terms; ZeRO-2: while there are any
    bool at_end = false;     // partial over other axes, too
    size_t waiting_for = 0;  // parameters that are not ready yet in this pass
    std::optional<Pending> pending = std::nullopt;
  };
  const std::vector<Bucket>& buckets() const { return buckets_; }
  Backend& backend() const { return backend_; }

  /// The most bytes of gradients that this rank has held since zero_gradients().
  int64_t peak_bytes() const { return peak_bytes_; }
  int64_t bytes() const { return bytes_; }  // that it holds now

 private:
  void add_buckets(Communicator& group, const Parameters& parameters, int64_t bucket_bytes,
                   bool at_end);
  void open(Bucket& bucket);
  void close(Bucket& bucket);
  void on_ready(Bucket& bucket);
  void start(Bucket& bucket);
  void finish_oldest();
  Tensor own_part(const Bucket& bucket) const;

  Backend& backend_;
  Parameters parameters_;
  Sharding sharding_;
  DataType reduce_in_;
  std::vector<Bucket> buckets_;  // in the order in which the backward pass completes them
  PartialGradients other_axes_;
  std::deque<Bucket*> under_way_;
  std::vector<Listener> listeners_;
  bool is_last_pass_ = false;
  int64_t bytes_ = 0, peak_bytes_ = 0;
};

}  // namespace shard
