#pragma once
#include <vector>

#include "common/base/partition.h"

namespace shard {

/// A parameter in a flat bucket.
struct FlatParameter {
  int64_t elements;
  bool is_matrix;  // weights of matrices decay; biases and gains do not
};

/// The part of one parameter that a rank owns.
struct OwnedPiece {
  int parameter;   // its number in the bucket, from 0
  Range elements;  // of this parameter
  int64_t place;   // of the first of them, counted from the beginning of the rank's range
  bool decays;
  bool operator==(const OwnedPiece&) const = default;
};

/// What `rank` owns of a bucket in which `parameters` lie one after the other, and which is cut
/// into `ranks` equal ranges: in the order of the bucket, without empty pieces.
std::vector<OwnedPiece> owned_pieces(const std::vector<FlatParameter>& parameters, int ranks,
                                     int rank);

}  // namespace shard
