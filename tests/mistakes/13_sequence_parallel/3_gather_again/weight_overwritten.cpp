// expect: what it held before
#include "common/tensor/linear.h"
#include "common/tensor/ops.h"
#include "exercises/13_sequence_parallel/3_gather_again.h"

namespace shard {

Tensor gathered_forward(Communicator& group, const Tensor& x, int64_t rows, const Tensor& a,
                        const Tensor& b, KeptRows& kept) {
  kept.x = x;
  return linear(group.all_gather(x, part_sizes(rows, group.size())), a, b);
}

Tensor gathered_backward(Communicator& group, const Tensor& dy, const Tensor& a,
                         const KeptRows& kept, Tensor& da, Tensor& db) {
  Pending all = group.start_all_gather(kept.x, part_sizes(dy.rows(), group.size()));
  const PartialSum term(linear_backward(dy, a, db));
  PendingSum dx = group.start_reduce_scatter(term);
  copy(da, matmul(transposed(all.wait()), dy));
  return dx.wait();
}

}  // namespace shard
