// ShardedAdamW: part 4 of a step. A rank updates the weights of its own ranges, for which alone it
// has moments; then every rank gathers what the others have updated.
//     AdamW on the own range of (w, m, v, g);  w = all ranks' ranges one after the other
// Rajbhandari et al., "ZeRO", arXiv:1910.02054, section 5.1.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/15_sharded_optimizer/gradient_shards.h"

namespace shard {

/// What a rank has of a flat bucket.
struct OwnRange {
  std::vector<FlatPiece> pieces;  // the parameters, or parts of them, in its own range
  Tensor weight, gradient;        // [own range] in f32; gradient: of all ranks' data
  Tensor rounded = {};            // [own range]: what layers compute with, where that is not f32
};

/// AdamW on own ranges alone: what layers compute with is up to others.
class RangeAdamW : public Optimizer {
 public:
  /// `parameters` are those in the ranges of all ranks, in the order of the model. Where several
  /// ranks have the same range, one `writes` it.
  RangeAdamW(Backend& backend, std::vector<OwnRange> ranges, const Parameters& parameters,
             const TrainingSettings& settings, bool writes = true);
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor) override;
  TrainingState state() override;
  void state_was_set() override;

  int64_t bytes() const;  // of weights in f32 and moments, padding included

 private:
  struct Trained {
    OwnRange own;
    Tensor first_moment, second_moment;  // [own range]
  };

  Backend& backend_;
  std::vector<Trained> ranges_;
  Parameters parameters_;
  TrainingSettings settings_;
  bool writes_;
};

class ShardedAdamW : public Optimizer {
 public:
  /// The values of `parameters`, those of `gradients` in the order of the model, become views of
  /// flat buckets in settings.precision; of the own ranges the unrounded weights stay here.
  /// `gradients` must outlive this object.
  ShardedAdamW(const GradientShards& gradients, const Parameters& parameters,
               const TrainingSettings& settings);
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor) override;
  /// Every rank writes the weights and moments of its own ranges.
  TrainingState state() override { return ranges_.state(); }
  /// Collective over the data-parallel ranks.
  void state_was_set() override;

  /// Bytes of weights and moments on this rank, padding included.
  int64_t bytes() const;

 private:
  struct Bucket {
    Communicator* group;
    Tensor weights;  // [flat.padded()]: of all ranks, what layers compute with
    Tensor own;      // [own range]: in `weights`, its place there
  };
  /// Moves the weights of a bucket into a flat tensor.
  OwnRange add(const GradientShards::Bucket& gradients, DataType type);
  std::vector<OwnRange> add_all(const GradientShards& gradients, DataType type);
  void gather();

  std::vector<Bucket> buckets_;
  RangeAdamW ranges_;
};

}  // namespace shard
