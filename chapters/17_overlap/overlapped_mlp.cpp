#include "chapters/17_overlap/overlapped_mlp.h"

#include "common/tensor/linear.h"
#include "common/tensor/ops.h"

namespace shard {

//! [17-forward]
// x: [rows/t × width]
Tensor OverlappedMlp::forward(const Tensor& x, const RowMap& map, Kept& kept) const {
  const int64_t rows = map.rows_of_all_parts();
  const auto a = up.weight.use(), a_bias = up.bias.use(), b = down.weight.use();
  kept.x = x;
  kept.up_output = Tensor(x.backend(), {rows, (*a_bias).elements()}, x.type());
  ring_.gather(x, rows, [&](const Tensor& all, Range here) {
    linear_into(kept.up_output.slice(here), all.slice(here), *a, *a_bias);
  });
  Tensor z = ring_.scatter({rows, x.columns()}, x.type(), [&](const Tensor& to, Range here) {
    matmul_into(to, gelu(kept.up_output.slice(here)), *b);
  });
  add_bias(z, *down.bias.use());  // after the sum, each row by its owner
  return z;                       // [rows/t × width]
}
//! [17-forward]

//! [17-backward]
// dz: [rows/t × width]
Tensor OverlappedMlp::backward(const Tensor& dz, const Kept& kept) {
  const auto a = up.weight.use(), b = down.weight.use();
  const int64_t rows = kept.up_output.rows();
  Tensor &da = up.weight.open_gradient(), &db = down.weight.open_gradient(),
         &da_bias = up.bias.open_gradient();
  const Tensor du(dz.backend(), kept.up_output.shape(), dz.type());
  const Tensor dz_of_all = ring_.gather(dz, rows, [&](const Tensor& all, Range here) {
    const auto [activated, du_here] =
        gelu_matmul_backward(all.slice(here), *b, kept.up_output.slice(here), da_bias);
    add_matmul(db, transposed(activated), all.slice(here));
    Tensor place = du.slice(here);
    copy(place, du_here);
  });
  for (Parameter* ready : {&down.weight, &up.bias}) ready->gradient_is_ready();
  // In the order of the rows, not of their arrival: the same bits on every rank.
  add_column_sums(down.bias.open_gradient(), dz_of_all);
  down.bias.gradient_is_ready();

  const Tensor dx =
      ring_.scatter({rows, dz.columns()}, dz.type(), [&](const Tensor& to, Range here) {
        matmul_into(to, du.slice(here), transposed(*a));
      });
  ring_.gather(kept.x, rows, [&](const Tensor& all, Range here) {
    add_matmul(da, transposed(all.slice(here)), du.slice(here));
  });
  up.weight.gradient_is_ready();
  return dx;  // [rows/t × width]
}
//! [17-backward]

}  // namespace shard
