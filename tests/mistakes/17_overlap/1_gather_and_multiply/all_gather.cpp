// expect: 1 all_gather on world where none is allowed; 0 send_receives instead of 2
#include "common/tensor/ops.h"
#include "exercises/17_overlap/1_gather_and_multiply.h"

namespace shard {

Tensor gather_and_multiply(Communicator& group, const Tensor& mine, int64_t rows, const Tensor& w) {
  return matmul(group.all_gather(mine, part_sizes(rows, group.size())), w);
}

}  // namespace shard
