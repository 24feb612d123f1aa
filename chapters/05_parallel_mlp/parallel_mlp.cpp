#include "chapters/05_parallel_mlp/parallel_mlp.h"

#include "common/tensor/ops.h"

namespace shard {

ParallelMlp::ParallelMlp(Communicator& group, const std::string& name, int64_t width,
                         int64_t hidden, const Init& init, float projection)
    : up_(group, name + ".c_fc", width, hidden, init),
      down_(group, name + ".c_proj", hidden, width, init.with_weight(projection)) {}

//! [05-mlp]
Tensor ParallelMlp::forward(const Tensor& x) {  // x: [tokens × width], the same on every rank
  up_output_ = up_.forward(x);                  // [tokens × hidden/t]: complete columns …
  return down_.forward(
      gelu(up_output_));  // … so GeLU needs no communication; one all-reduce inside, bias once
}

Tensor ParallelMlp::backward(const Tensor& dz) {  // dz: [tokens × width], the same on every rank
  const Tensor dh = down_.backward(dz);           // [tokens × hidden/t], no communication
  return up_.backward(gelu_backward(up_output_, dh));  // [tokens × width], one all-reduce inside
}
//! [05-mlp]

Parameters ParallelMlp::parameters() {
  Parameters all = up_.parameters();
  append(all, down_.parameters());
  return all;
}

}  // namespace shard
