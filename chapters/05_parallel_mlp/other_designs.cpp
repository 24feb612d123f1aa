#include "chapters/05_parallel_mlp/other_designs.h"

#include "common/tensor/ops.h"

namespace shard::chapter_05 {

/// This rank's columns of x, which every rank has. Its backward pass is gather_columns: each rank
/// has its part of dx.
static Tensor own_columns(const Communicator& group, const Tensor& x) {
  return columns_of(x, part_of(x.columns(), group.size(), group.rank()));
}

// ---- Row → row ----------------------------------------------------------------------------------

RowRowMlp::RowRowMlp(Communicator& group, const std::string& name, int64_t width, int64_t hidden,
                     const Init& init, float projection)
    : group_(group),
      width_(width),
      hidden_(hidden),
      up_(group, name + ".c_fc", width, hidden, init),
      down_(group, name + ".c_proj", hidden, width, init.with_weight(projection)) {}

//! [05-row-row]
Tensor RowRowMlp::forward(const Tensor& x, Kept& kept) const {
  // [tokens × hidden]: all-reduce before GeLU
  const Tensor u = up_.forward(own_columns(group_, x), kept.up);
  kept.up_output = own_columns(group_, u);  // [tokens × hidden/t]: the rest was for other ranks
  return down_.forward(gelu(kept.up_output), kept.down);  // [tokens × width]: all-reduce
}

Tensor RowRowMlp::backward(const Tensor& dz, const Kept& kept) {
  // [tokens × hidden/t]
  const Tensor du = gelu_backward(kept.up_output, down_.backward(dz, kept.down));
  // [tokens × width/t]
  const Tensor dx = up_.backward(gather_columns(group_, du, hidden_), kept.up);
  return gather_columns(group_, dx, width_);  // [tokens × width]
}
//! [05-row-row]

Parameters RowRowMlp::parameters() {
  Parameters all = up_.parameters();
  append(all, down_.parameters());
  return all;
}

// ---- Column → column ----------------------------------------------------------------------------

ColumnColumnMlp::ColumnColumnMlp(Communicator& group, const std::string& name, int64_t width,
                                 int64_t hidden, const Init& init, float projection)
    : group_(group),
      width_(width),
      hidden_(hidden),
      up_(group, name + ".c_fc", width, hidden, init),
      down_(group, name + ".c_proj", hidden, width, init.with_weight(projection)) {}

//! [05-column-column]
Tensor ColumnColumnMlp::forward(const Tensor& x, Kept& kept) const {
  kept.up_output = up_.forward(x, kept.up);  // [tokens × hidden/t]
  // [tokens × hidden]
  const Tensor hidden = gather_columns(group_, gelu(kept.up_output), hidden_);
  return gather_columns(group_, down_.forward(hidden, kept.down), width_);  // [tokens × width]
}

Tensor ColumnColumnMlp::backward(const Tensor& dz, const Kept& kept) {
  // [tokens × hidden]: all-reduce
  const Tensor dh = down_.backward(own_columns(group_, dz), kept.down);
  const Tensor du = gelu_backward(kept.up_output, own_columns(group_, dh));  // [tokens × hidden/t]
  return up_.backward(du, kept.up);  // [tokens × width]: all-reduce
}
//! [05-column-column]

Parameters ColumnColumnMlp::parameters() {
  Parameters all = up_.parameters();
  append(all, down_.parameters());
  return all;
}

}  // namespace shard::chapter_05
