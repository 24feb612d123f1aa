// expect: cut by elements, not by rows
#include "common/tensor/ops.h"
#include "exercises/02_collectives/1_reduce_scatter.h"

namespace shard {

Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum) {
  const int t = group.size(), rank = group.rank();
  const Tensor& term = sum.unreduced();
  const Tensor x = term.reshape({term.elements()});
  const auto part = [&](int index) { return x.slice(part_of(x.elements(), t, index % t)); };
  Tensor on_its_way = part(rank + t - 1).clone();
  for (int step = 0; step < t - 1; ++step) {
    const Tensor mine = part(rank + 2 * t - 2 - step);
    Tensor arrived(group.backend(), mine.shape());
    group.send_receive(on_its_way, (rank + 1) % t, arrived, (rank + t - 1) % t);
    accumulate(arrived, mine);
    on_its_way = arrived;
  }
  return on_its_way;
}

}  // namespace shard
