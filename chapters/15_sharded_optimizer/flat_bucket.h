// FlatBucket: parameters one after the other in one flat tensor, which is cut into equal ranges,
// one for each rank, wherever that cuts through a parameter.
//     | wte.weight            | ln.gain | ln.bias | c_attn.weight      |padding|
//     | rank 0             | rank 1             | rank 2               ranges of ⌈Σ elements / d⌉
// Rajbhandari et al., "ZeRO", arXiv:1910.02054, section 5.1. The arithmetic only: what is stored in
// such a tensor, weights, gradients or moments, is up to the caller.
#pragma once
#include "common/tensor/parameter.h"

namespace shard {

/// The part of one parameter that lies in one rank's range.
struct FlatPiece {
  Parameter* parameter;
  Range elements;  // of the parameter's local part, row-major
  Range place;     // where they lie in the rank's range

  // as AdamW must know for each piece: a range may hold parts of a matrix and of a bias
  bool decays() const { return parameter->is_matrix(); }
};

/// Elements of a rank's range: rounded up, so that the last ranges may hold padding.
inline int64_t in_each_range(int64_t elements, int64_t ranks) {
  return (elements + ranks - 1) / ranks;
}

class FlatBucket {
 public:
  /// `parameters` in the order in which they lie in the bucket. Throws Error for none, and for a
  /// number of ranks that is not positive.
  FlatBucket(Parameters parameters, int ranks);

  const Parameters& parameters() const { return parameters_; }
  int ranks() const { return ranks_; }
  int64_t elements() const { return begins_.back(); }    // without the padding at the end
  int64_t padded() const { return ranks_ * per_rank_; }  // a multiple of the number of ranks
  /// The part of the flat tensor [padded()] that is a rank's own: padded() / ranks elements.
  Range range_of(int rank) const;
  /// The parameters, or parts of them, in a rank's range, in their order. Padding is in none.
  std::vector<FlatPiece> pieces_of(int rank) const;

  /// Parameter number i as it lies in `flat` [padded()]: a view of the shape of its local part.
  Tensor view(const Tensor& flat, size_t i) const;

 private:
  Parameters parameters_;
  int ranks_;
  std::vector<int64_t> begins_;  // of each parameter, and at the end the number of elements
  int64_t per_rank_;             // elements of a range
};

/// `parameters`, which are in the order of the forward pass, in buckets of at least `bucket_bytes`
/// in f32 (the last may be smaller), from the last parameter to the first: so the backward pass
/// completes one bucket after the other.
std::vector<FlatBucket> flat_buckets(const Parameters& parameters, int64_t bucket_bytes, int ranks);

}  // namespace shard
