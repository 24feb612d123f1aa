// The two designs of Z = GeLU(X·A + b)·B + c that chapter 05 measures against ParallelMlp. They
// compute the same, but need collectives between the two products, which ParallelMlp does not.
#pragma once
#include "chapters/03_row_parallel_gemm/row_parallel_linear.h"
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"

namespace shard::chapter_05 {

/// Row → row: A and B cut by rows. X·A is a sum over ranks, so an all-reduce comes before GeLU;
/// then every rank takes the columns of GeLU's output that its rows of B need.
class RowRowMlp {
 public:
  RowRowMlp(Communicator& group, const std::string& name, int64_t width, int64_t hidden,
            const Init& init, float projection);

  struct Kept {
    RowParallelLinear::Kept up, down;
    Tensor up_output;  // [tokens × hidden/t], before GeLU
    auto parts() const { return std::tie(up, up_output, down); }
  };
  /// [tokens × width] → [tokens × width], the same on every rank. Two all-reduces.
  Tensor forward(const Tensor& x, Kept& kept) const;
  /// The same. Two all-gathers.
  Tensor backward(const Tensor& dz, const Kept& kept);
  Parameters parameters();

 private:
  Communicator& group_;
  int64_t width_, hidden_;
  RowParallelLinear up_, down_;
};

/// Column → column: A and B cut by columns. Every column of Z needs all of GeLU's output, so it is
/// gathered between the two products, and Z after them.
class ColumnColumnMlp {
 public:
  ColumnColumnMlp(Communicator& group, const std::string& name, int64_t width, int64_t hidden,
                  const Init& init, float projection);

  struct Kept {
    ColumnParallelLinear::Kept up, down;
    Tensor up_output;  // [tokens × hidden/t], before GeLU
    auto parts() const { return std::tie(up, up_output, down); }
  };
  /// [tokens × width] → [tokens × width], the same on every rank. Two all-gathers.
  Tensor forward(const Tensor& x, Kept& kept) const;
  /// The same. Two all-reduces.
  Tensor backward(const Tensor& dz, const Kept& kept);
  Parameters parameters();

 private:
  Communicator& group_;
  int64_t width_, hidden_;
  ColumnParallelLinear up_, down_;
};

}  // namespace shard::chapter_05
