// ParallelMlp: Z = GeLU(X·A + b)·B + c with A cut by columns and B by rows.
// The columns of GeLU(X·A_i + b_i) that a rank computes are just those that its rows of B need:
// nothing is sent between the two products. One all-reduce forward, one backward. Shoeybi et al.,
// arXiv:1909.08053, section 3, figure 3a.
#pragma once
#include "chapters/03_row_parallel_gemm/row_parallel_linear.h"
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"

namespace shard {

class ParallelMlp {
 public:
  /// width → hidden → width. Parameters `name`.c_fc.* and `name`.c_proj.*, as in GPT-2;
  /// `projection` is the deviation of c_proj's matrix.
  ParallelMlp(Communicator& group, const std::string& name, int64_t width, int64_t hidden,
              const Init& init, float projection);

  struct Kept {
    ColumnParallelLinear::Kept up;
    Tensor up_output;  // [tokens × hidden/t], before GeLU
    RowParallelLinear::Kept down;
    auto parts() const { return std::tie(up, up_output, down); }
  };

  /// x: [tokens × width], the same on every rank → [tokens × width], the same on every rank.
  Tensor forward(const Tensor& x, Kept& kept) const;
  /// dz: [tokens × width], the same on every rank → dX, the same on every rank.
  Tensor backward(const Tensor& dz, const Kept& kept);

  Parameters parameters();
  ColumnParallelLinear& first() { return up; }
  RowParallelLinear& last() { return down; }
  const RowParallelLinear& last() const { return down; }

  ColumnParallelLinear up;  // c_fc
  RowParallelLinear down;   // c_proj
};

}  // namespace shard
