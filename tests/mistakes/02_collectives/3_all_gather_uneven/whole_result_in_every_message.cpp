// expect: every message carries the whole result, not one piece
#include "common/tensor/ops.h"
#include "exercises/02_collectives/3_all_gather_uneven.h"

namespace shard {

Tensor ring_all_gather(Communicator& group, const Tensor& piece, std::span<const int64_t> rows) {
  const int t = group.size(), rank = group.rank();
  std::vector<int64_t> first{0};
  for (const int64_t count : rows) first.push_back(first.back() + count);
  Tensor all = Tensor::zeros(group.backend(), {first.back(), piece.columns()});
  const auto place_of = [&](int index) {
    const auto i = static_cast<size_t>((index + t) % t);
    return all.slice({first[i], first[i + 1]});
  };
  Tensor own = place_of(rank);
  copy(own, piece);
  Tensor arrived(group.backend(), all.shape());
  for (int step = 0; step < t - 1; ++step) {
    group.send_receive(all, (rank + 1) % t, arrived, (rank + t - 1) % t);
    const auto i = static_cast<size_t>((rank - step - 1 + t) % t);
    Tensor place = place_of(rank - step - 1);
    copy(place, arrived.slice({first[i], first[i + 1]}));
  }
  return all;
}

}  // namespace shard
