// expect: 1 all_reduce on world where none was asked for; 0 reduce_scatters where 1 was asked for
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  return group.all_reduce(sum);
}

}  // namespace shard
