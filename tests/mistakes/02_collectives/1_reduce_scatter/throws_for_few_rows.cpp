// expect: exercise 02.1, [2 × 5], t = 3: an exception where none is asked for: 2 rows for 3 ranks (called with sum [2 × 5])
#include "common/tensor/ops.h"
#include "exercises/02_collectives/1_reduce_scatter.h"

namespace shard {

Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  require(term.rows() >= group.size(), term.rows(), " rows for ", group.size(), " ranks");
  const int t = group.size(), rank = group.rank(), right = (rank + 1) % t,
            left = (rank + t - 1) % t;
  const auto rows_of = [&](int index) { return term.slice(part_of(term.rows(), t, index % t)); };

  Tensor on_its_way = rows_of(rank + t - 1).clone();  // part r starts on rank r + 1
  for (int step = 0; step < t - 1; ++step) {
    const Tensor mine = rows_of(rank + 2 * t - 2 - step);  // of the part that is received now
    Tensor arrived(group.backend(), mine.shape());
    group.send_receive(on_its_way, right, arrived, left);
    accumulate(arrived, mine);
    on_its_way = arrived;
  }
  return on_its_way;  // [rows/t × columns]: part `rank`, with every rank's term
}

}  // namespace shard
