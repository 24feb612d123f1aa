#include "chapters/05_parallel_mlp/parallel_mlp.h"

#include "common/tensor/ops.h"

namespace shard {

ParallelMlp::ParallelMlp(Communicator& group, const std::string& name, int64_t width,
                         int64_t hidden, const Init& init, float projection)
    : up(group, name + ".c_fc", width, hidden, init),
      down(group, name + ".c_proj", hidden, width, init.with_weight(projection)) {}

//! [05-mlp]
// x: [tokens × width], the same on every rank
Tensor ParallelMlp::forward(const Tensor& x, Kept& kept) const {
  kept.up_output = up.forward(x, kept.up);  // [tokens × hidden/t]: complete columns …
  // … so GeLU needs no communication; one all-reduce inside, bias once
  return down.forward(gelu(kept.up_output), kept.down);
}

// dz: [tokens × width], the same on every rank
Tensor ParallelMlp::backward(const Tensor& dz, const Kept& kept) {
  const Tensor dh = down.backward(dz, kept.down);  // [tokens × hidden/t], no communication
  const Tensor du = gelu_backward(kept.up_output, dh);
  return up.backward(du, kept.up);  // [tokens × width], one all-reduce inside
}
//! [05-mlp]

Parameters ParallelMlp::parameters() {
  Parameters all = up.parameters();
  append(all, down.parameters());
  return all;
}

}  // namespace shard
