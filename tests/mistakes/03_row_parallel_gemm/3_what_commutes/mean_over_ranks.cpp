// expect: your y of project, W [8 × 3] is 0.333 times the right y of project, W [8 × 3]
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/3_what_commutes.h"

namespace shard {

Place earliest_place(Operation operation) {
  switch (operation) {
    case Operation::scale:
    case Operation::matmul:
    case Operation::columns:
    case Operation::gelu_backward:
    case Operation::dropout: return Place::before_on_every_rank;
    case Operation::add_bias:
    case Operation::add_residual: return Place::before_on_one_rank;
    default: return Place::after;
  }
}

PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual) {
  Tensor term = x.unreduced().clone();
  if (group.rank() == 0) add_bias(term, bias);
  scale(term, factor);
  if (group.rank() == 0) accumulate(term, residual);
  return PartialSum(term);
}

static Tensor mean(const Communicator& group, Tensor sum) {
  scale(sum, 1.0f / static_cast<float>(group.size()));
  return sum;
}

Tensor project(Communicator& group, const PartialSum& x, const Tensor& w) {
  if (w.columns() < w.rows())
    return mean(group, group.all_reduce(PartialSum(matmul(x.unreduced(), w))));
  return matmul(mean(group, group.all_reduce(x)), w);
}

}  // namespace shard
