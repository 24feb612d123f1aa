// FullySharded: ZeRO-3, or FSDP. Each rank keeps 1/d of weights, gradients and moments. A unit's
// weights are gathered before its layers use them, and freed after; its gradients are
// reduce-scattered when the backward pass has computed them.
//     forward    gather 0, forward 0, free 0, gather 1, forward 1, free 1, … forward U-1
//     backward   backward U-1, scatter U-1, free U-1, gather U-2, backward U-2, …
// The last unit is used again at once, so it is kept: 2U - 1 gathers. A unit is a block or several;
// what is used before the first and after the last block is the root unit: it is gathered first,
// and freed last. Zhao et al., "PyTorch FSDP", arXiv:2304.11277, section 3.
#pragma once
#include <memory>

#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "chapters/15_sharded_optimizer/sharded_adamw.h"
#include "chapters/16_fully_sharded/sharded_unit.h"
#include "chapters/16_fully_sharded/sharding_groups.h"
#include "common/comm/partial_gradients.h"

namespace shard {

struct ShardingSettings {
  bool prefetch = true;  // the next unit's gather starts before this one is used
  DataType computes_in = DataType::f32, reduces_in = DataType::f32;
};

/// The parameters that are gathered and freed together.
struct Unit {
  std::string name;  // "h.0"
  Parameters parameters;
};

class FullySharded : public GradientReduction {
 public:
  /// `units`: the root unit, then the others in the order of the forward pass. Takes over values,
  /// gradients and hooks of their parameters, which must outlive it. Throws Error for fewer than
  /// two units, for stages of a pipeline, for experts, and for parameters that are not partial over
  /// "dp" or are shared out already. Collective over the grid's ranks.
  FullySharded(Grid& grid, ShardingGroups groups, const std::vector<Unit>& units,
               const ShardingSettings& settings);
  FullySharded(const FullySharded&) = delete;
  ~FullySharded() override;

  void zero_gradients() override;  // of this rank's parts
  void reduce_in_next_backward() override { is_last_ = true; }
  /// Throws Error, naming the unit, if the backward pass left one out.
  void wait() override;
  std::vector<StateTensor> gradients() const override;

  /// Gives back all weights that are gathered: before the parts change.
  void free_all();

  /// This rank's parts, for the norm and the optimizer. Replicas have the same.
  std::vector<OwnRange> own_ranges() const;
  bool is_first_replica() const;

  /// As they were given.
  const std::vector<std::unique_ptr<ShardedUnit>>& units() const { return units_; }
  /// Bytes of weights that this rank has now, parts included, and the most since the last
  /// zero_gradients(), as the backend counts what it gives out and gets back.
  int64_t weight_bytes() const { return weight_bytes_; }
  int64_t peak_weight_bytes() const { return peak_weight_bytes_; }

 private:
  // Unit 0 is the root; current_ and ahead_ are units behind it, or 0 for none.
  void listen(size_t unit);
  void use(size_t unit);                // one of its weights is needed
  void add_to(size_t unit);             // one of its gradients is needed
  void gradient_is_ready(size_t unit);  // one of them
  void start_gather(size_t unit);
  void gather_ahead();
  void free(size_t unit);
  void start_scatter(size_t unit);
  void finish_scatter();

  ShardingGroups groups_;
  ShardingSettings settings_;
  std::vector<std::unique_ptr<ShardedUnit>> units_;
  std::vector<std::unique_ptr<PartialGradients>> others_;  // of each unit: axes other than dp
  std::vector<size_t> ready_;                              // of each unit: gradients in this pass
  std::vector<bool> is_reduced_;                           // of each unit: in the last pass
  std::vector<Listener> listeners_;
  std::vector<Pending> replica_sums_;  // under way
  size_t current_ = 0;                 // is whole
  size_t ahead_ = 0;                   // is arriving
  std::optional<size_t> scattering_;   // whose gradients are being summed …
  bool scatters_last_ = false;         // … for the last time in this step
  bool is_backward_ = false, is_last_ = false;
  int64_t weight_bytes_ = 0, peak_weight_bytes_ = 0;
};

}  // namespace shard
