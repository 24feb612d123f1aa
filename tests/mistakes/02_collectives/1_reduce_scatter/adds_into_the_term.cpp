// expect: your function changed its argument sum [13 × 7], which must stay as it is
// without: is in the memory of
#include "common/tensor/ops.h"
#include "exercises/02_collectives/1_reduce_scatter.h"

namespace shard {

Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  const int t = group.size(), rank = group.rank(), right = (rank + 1) % t,
            left = (rank + t - 1) % t;
  const auto rows_of = [&](int index) { return term.slice(part_of(term.rows(), t, index % t)); };

  Tensor on_its_way = rows_of(rank + t - 1);
  for (int step = 0; step < t - 1; ++step) {
    Tensor mine = rows_of(rank + 2 * t - 2 - step);
    Tensor arrived(group.backend(), mine.shape());
    group.send_receive(on_its_way, right, arrived, left);
    accumulate(mine, arrived);
    on_its_way = mine;
  }
  return on_its_way;
}

}  // namespace shard
