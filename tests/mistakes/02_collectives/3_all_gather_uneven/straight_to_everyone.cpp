// expect: rank 0 sends to rank 2 instead of rank + 1, which is rank 1
#include "common/tensor/ops.h"
#include "exercises/02_collectives/3_all_gather_uneven.h"

namespace shard {

Tensor ring_all_gather(Communicator& group, const Tensor& piece, std::span<const int64_t> rows) {
  const int t = group.size(), rank = group.rank();
  std::vector<int64_t> first{0};
  for (const int64_t count : rows) first.push_back(first.back() + count);
  Tensor all(group.backend(), {first.back(), piece.columns()});
  const auto place_of = [&](int index) {
    const auto i = static_cast<size_t>((index + t) % t);
    return all.slice({first[i], first[i + 1]});
  };
  Tensor own = place_of(rank);
  copy(own, piece);
  for (int step = 1; step < t; ++step) {
    Tensor place = place_of(rank - step);
    group.send_receive(piece, (rank + step) % t, place, (rank + t - step) % t);
  }
  return all;
}

}  // namespace shard
