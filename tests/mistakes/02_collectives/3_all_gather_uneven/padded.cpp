// expect: every piece was padded to the longest: the padding is sent, too
#include <algorithm>

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
  const int64_t longest = *std::max_element(rows.begin(), rows.end()), columns = piece.columns();
  Tensor last = Tensor::zeros(group.backend(), {longest, columns});
  Tensor front = last.slice({0, piece.rows()});
  copy(front, piece);
  for (int step = 0; step < t - 1; ++step) {
    Tensor next(group.backend(), {longest, columns}), place = place_of(rank - step - 1);
    group.send_receive(last, (rank + 1) % t, next, (rank + t - 1) % t);
    copy(place, next.slice({0, place.rows()}));
    last = next;
  }
  return all;
}

}  // namespace shard
