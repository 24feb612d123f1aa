// ShardedAdamW: part 4 of a step. A rank updates the weights of its own ranges, for which alone it
// has moments; then every rank gathers what the others have updated.
//     AdamW on the own range of (w, m, v, g);  w = all ranks' ranges one after the other
// Rajbhandari et al., "ZeRO", arXiv:1910.02054, section 5.1.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/15_sharded_optimizer/gradient_shards.h"

namespace shard {

class ShardedAdamW : public Optimizer {
 public:
  /// The values of `parameters`, those of `gradients` in the order of the model, become views of
  /// flat buckets in settings.precision; of the own ranges the unrounded weights stay here.
  /// `gradients` must outlive this object.
  ShardedAdamW(const GradientShards& gradients, const Parameters& parameters,
               const TrainingSettings& settings);
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor) override;
  /// Every rank writes the weights and moments of its own ranges.
  TrainingState state() override;
  /// Collective over the data-parallel ranks.
  void state_was_set() override;

  /// Bytes of weights and moments on this rank, padding included.
  int64_t bytes() const;

 private:
  struct Bucket {
    const GradientShards::Bucket& gradients;
    std::vector<FlatPiece> pieces;       // of the own range
    Tensor weights;                      // [flat.padded()]: of all ranks, what layers compute with
    Tensor own;                          // [own range]: in `weights`, its place there
    Tensor weight;                       // [own range] in f32: `own`, or what it is rounded from
    Tensor first_moment, second_moment;  // [own range]
  };
  void add(const GradientShards::Bucket& gradients, DataType type);
  void gather();

  Communicator& group_;
  Parameters parameters_;
  TrainingSettings settings_;
  std::vector<Bucket> buckets_;
};

}  // namespace shard
