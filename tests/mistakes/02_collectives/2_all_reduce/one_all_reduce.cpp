// expect: 1 all_reduce on world where none is allowed; 0 reduce_scatters instead of 1
#include "exercises/02_collectives/2_all_reduce.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  return group.all_reduce(sum);
}

}  // namespace shard
