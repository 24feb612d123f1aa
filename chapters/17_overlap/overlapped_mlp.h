// OverlappedMlp: an MLP with sequence parallelism, as in chapter 13. Its first product consumes X
// while it is gathered, its second feeds a reduce-scatter; backwards they change roles.
//     forward:  gather X, multiply by A_i    GeLU    multiply by B_i, scatter Z
//     backward: gather dZ, multiply by B_iᵀ  GeLU'   multiply by A_iᵀ, scatter dX
#pragma once
#include "chapters/05_parallel_mlp/fused_mlp.h"
#include "chapters/17_overlap/chunked_ring.h"
#include "common/base/row_map.h"

namespace shard {

/// The same parameters and the same function as FusedMlp, and the interface and the bytes of
/// SequenceParallel<FusedMlp>: a block of chapter 07 takes either.
class OverlappedMlp : public FusedMlp {
 public:
  /// As FusedMlp's, and the number of chunks in which each rank's rows travel.
  OverlappedMlp(Communicator& group, const std::string& name, int64_t width, int64_t hidden,
                const Init& init, float projection, int chunks)
      : FusedMlp(group, name, width, hidden, init, projection), ring_(group, chunks) {}

  struct Kept {
    Tensor x;          // [rows/t × width]
    Tensor up_output;  // [rows × hidden/t], before GeLU
    auto parts() const { return std::tie(x, up_output); }
  };

  /// x: this rank's rows [rows/t × width], and `rows` which these are → the same rows of Z.
  /// (t-1)·chunks exchanges for X, and as many for Z.
  Tensor forward(const Tensor& x, const RowMap& rows, Kept& kept) const;
  /// dz: [rows/t × width] → dX, [rows/t × width]. The same for dZ, for dX, and for X, which is
  /// gathered again for the gradient of A.
  Tensor backward(const Tensor& dz, const Kept& kept);

 private:
  ChunkedRing ring_;
};

}  // namespace shard
