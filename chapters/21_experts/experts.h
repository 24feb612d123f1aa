// Experts: the MLPs of this rank's experts, each of its own rows. Their matrices lie one below the
// other in one parameter, of which a rank has the rows of its experts, and, with tensor
// parallelism, of these its columns of A and its rows of B (chapter 05).
#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/parameter.h"

namespace shard {

struct ExpertSizes {
  int64_t width = 0, hidden = 0, experts = 0;
};

class Experts {
 public:
  /// Parameters `name`.c_fc.weight [E·width × hidden], c_fc.bias [E·hidden], c_proj.weight
  /// [E·hidden × width] and c_proj.bias [E·width]. `own`: the experts of this rank. Their
  /// gradients are sums over all tokens of the ep ranks already: what is partial is the axis
  /// "edp".
  Experts(Communicator& tp, const std::string& name, const ExpertSizes& sizes, Range own,
          const Init& init, float projection);

  struct Kept {
    std::vector<int64_t> rows;      // of each own expert
    Tensor x;                       // [rows of all × width], by expert
    std::vector<Tensor> up_output;  // of each with rows: [its rows × hidden/t], before GeLU
    auto parts() const { return std::tie(x, up_output); }
  };
  /// x [Σ rows × width], rows[i] of own expert i, one after the other → this rank's term of the
  /// results, of the same shape: the sum over the ranks of `tp` is the result. The last bias is in
  /// the term of rank 0.
  Tensor forward(const Tensor& x, const std::vector<int64_t>& rows, Kept& kept) const;
  /// dz: the gradient of the results, the same on every rank of tp. Returns this rank's term of dX.
  Tensor backward(const Tensor& dz, const Kept& kept);

  Parameters parameters() { return {&up, &up_bias, &down, &down_bias}; }
  Parameter up, up_bias, down, down_bias;

 private:
  /// Expert i's part of what a rank holds of a parameter: [rows × …], or a vector's entries.
  Tensor part_of_own(const Tensor& all, int64_t i) const;

  bool adds_bias_;
  int64_t own_;
};

}  // namespace shard
