// expect: every rank takes part in every step, even with an empty piece
#include "exercises/02_collectives/3_all_gather_uneven.h"

#include "common/tensor/ops.h"

namespace shard {

Tensor ring_all_gather(Communicator& group, const Tensor& piece, std::span<const int64_t> rows) {
  const int t = group.size(), rank = group.rank();
  std::vector<Range> places;
  int64_t end = 0;
  for (const int64_t count : rows) {
    places.push_back({end, end + count});
    end += count;
  }
  Tensor all(group.backend(), {end, piece.columns()});
  Tensor own = all.slice(places[static_cast<size_t>(rank)]);
  copy(own, piece);
  int sent = rank, received = (rank + t - 1) % t;
  for (int step = 1; step < t; ++step) {
    const Tensor out = all.slice(places[static_cast<size_t>(sent)]);
    Tensor in = all.slice(places[static_cast<size_t>(received)]);
    if (out.rows() > 0 || in.rows() > 0)
      group.send_receive(out, (rank + 1) % t, in, (rank + t - 1) % t);
    sent = received;
    received = (received + t - 1) % t;
  }
  return all;
}

}  // namespace shard
