// expect: piece i has rows[i] rows all the way around, and every rank takes part in every step
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
  for (int step = 0; step < t - 1; ++step) {
    Tensor next = place_of(rank - step - 1);
    if (rows[static_cast<size_t>((rank - step + t) % t)] == 0) continue;
    group.send_receive(place_of(rank - step), (rank + 1) % t, next, (rank + t - 1) % t);
  }
  return all;
}

}  // namespace shard
