// expect: 1 all_gather on world where none is allowed; 0 send_receives instead of 2
#include "exercises/02_collectives/3_all_gather_uneven.h"

namespace shard {

Tensor ring_all_gather(Communicator& group, const Tensor& piece, std::span<const int64_t> rows) {
  return group.all_gather(piece, rows);
}

}  // namespace shard
