// expect: rank 0 sends to rank 2 instead of rank + 1, which is rank 1
#include "common/tensor/ops.h"
#include "exercises/02_collectives/1_reduce_scatter.h"

namespace shard {

Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  const int t = group.size(), rank = group.rank(), from = (rank + 1) % t, to = (rank + t - 1) % t;
  const auto rows_of = [&](int index) { return term.slice(part_of(term.rows(), t, index % t)); };

  Tensor on_its_way = rows_of(rank + 1).clone();
  for (int step = 0; step < t - 1; ++step) {
    const Tensor mine = rows_of(rank + 2 + step);
    Tensor arrived(group.backend(), mine.shape());
    group.send_receive(on_its_way, to, arrived, from);
    accumulate(arrived, mine);
    on_its_way = arrived;
  }
  return on_its_way;
}

}  // namespace shard
