// expect: part r + 1 of the sum on each rank r: to end on rank r, part r must start on rank r + 1
// without: bytes instead of
#include "chapters/02_collectives/ring_all_reduce.h"
#include "common/tensor/ops.h"
#include "exercises/02_collectives/1_reduce_scatter.h"

namespace shard {

Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum) {
  const int t = group.size(), rank = group.rank();
  const Tensor x = sum.unreduced().clone();
  const auto rows_of = [&](int index) { return x.slice(part_of(x.rows(), t, index)); };
  for (int step = 0; step < t - 1; ++step) {
    const RingMove move = ring_move(rank, t, step);
    Tensor mine = rows_of(move.receive), arrived(group.backend(), mine.shape());
    group.send_receive(rows_of(move.send), (rank + 1) % t, arrived, (rank + t - 1) % t);
    accumulate(mine, arrived);
  }
  return rows_of((rank + 1) % t);
}

}  // namespace shard
