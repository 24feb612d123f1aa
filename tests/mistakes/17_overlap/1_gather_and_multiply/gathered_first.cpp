// expect: you multiply all rows in one product
#include "common/tensor/ops.h"
#include "exercises/17_overlap/1_gather_and_multiply.h"

namespace shard {

Tensor gather_and_multiply(Communicator& group, const Tensor& mine, int64_t rows, const Tensor& w) {
  const int t = group.size(), rank = group.rank(), right = (rank + 1) % t,
            left = (rank + t - 1) % t;
  const Tensor x(group.backend(), {rows, mine.columns()});
  Tensor here = x.slice(part_of(rows, t, rank));
  copy(here, mine);
  for (int step = 0; step + 1 < t; ++step) {
    const Tensor next = x.slice(part_of(rows, t, (rank + 2 * t - step - 1) % t));
    here = group.start_send_receive(here, right, next, left).wait();
  }
  return matmul(x, w);
}

}  // namespace shard
