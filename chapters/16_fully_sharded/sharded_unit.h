// ShardedUnit: the weights of some layers, cut over d ranks. Each rank keeps its part; the whole
// exists only from gather to free, and the gradients only in the backward pass.
//     weights    part of rank 0 | part of rank 1 | … | part of rank d-1   all-gather: the whole
//     gradients  Σ over ranks of each part, at the rank that keeps it     reduce-scatter
// Rajbhandari et al., "ZeRO", arXiv:1910.02054, section 5.3.
#pragma once
#include <optional>

#include "chapters/15_sharded_optimizer/flat_bucket.h"
#include "common/comm/communicator.h"

namespace shard {

class ShardedUnit {
 public:
  /// Takes the parameters' values over: their values and gradients are empty tensors from here on,
  /// except while this object gives them memory. Values have the type `computes_in`, and gradients
  /// travel in `reduces_in`.
  ShardedUnit(Communicator& shards, std::string name, Parameters parameters, DataType computes_in,
              DataType reduces_in);
  ShardedUnit(const ShardedUnit&) = delete;

  const std::string& name() const { return name_; }
  const FlatBucket& flat() const { return flat_; }

  // ---- Weights: kept, arriving, whole -----------------------------------------------------------
  void start_gather();   // of the parts of all ranks
  void finish_gather();  // the parameters' values are views of the whole now
  /// Gives the memory of the whole back. Who still looks at it sees NaN; a value that is used now
  /// throws Error. Throws Error for a unit in use.
  void free();
  bool is_arriving() const { return arriving_.has_value(); }
  bool is_whole() const { return whole_ && !is_arriving(); }
  int uses = 0;  // of its weights that are under way

  // ---- Gradients: none, being added up, being summed over the ranks -----------------------------
  bool has_gradients() const { return bool(gradients_); }
  void take_gradients();  // memory for them, all 0
  void start_scatter();   // the parameters' gradients are empty tensors again
  void finish_scatter();  // adds this rank's part of the sum to `gradient`

  // This rank's part, f32 [flat().padded() / d]. Padding is 0.
  Tensor weight, gradient;
  Tensor rounded;  // the weights in the type that is gathered, where that is not f32

 private:
  void set_values(const Tensor& whole);     // to views of it; of an empty one, to empty tensors
  void set_gradients(const Tensor& whole);  // likewise
  const Tensor& sent() const { return rounded ? rounded : weight; }

  Communicator& shards_;
  std::string name_;
  FlatBucket flat_;
  DataType reduces_in_;
  Tensor whole_, gradients_;  // [flat().padded()], or empty
  std::optional<Pending> arriving_, scattering_;
};

}  // namespace shard
