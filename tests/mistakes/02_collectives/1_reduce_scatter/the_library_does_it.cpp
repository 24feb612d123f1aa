// expect: 1 reduce_scatter on world where none is allowed
#include "exercises/02_collectives/1_reduce_scatter.h"

namespace shard {

Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum) {
  return group.reduce_scatter(sum);
}

}  // namespace shard
