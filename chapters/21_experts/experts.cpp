#include "chapters/21_experts/experts.h"

#include "common/tensor/linear.h"
#include "common/tensor/ops.h"

namespace shard {
namespace {

/// This rank's entries of each of the experts `own`, of `length` each.
std::vector<Range> of_each(Range own, int64_t length, Range part) {
  std::vector<Range> ranges;
  for (int64_t expert = own.begin; expert < own.end; ++expert)
    ranges.push_back({expert * length + part.begin, expert * length + part.end});
  return ranges;
}

Range times(Range own, int64_t length) { return {own.begin * length, own.end * length}; }

}  // namespace

Experts::Experts(Communicator& tp, const std::string& name, const ExpertSizes& sizes, Range own,
                 const Init& init, float projection)
    : up(tp.backend(), name + ".c_fc.weight",
         Shard{{sizes.experts * sizes.width, sizes.hidden},
               {times(own, sizes.width)},
               {part_of(sizes.hidden, tp.size(), tp.rank())}},
         init.seed, init.weight),
      up_bias(tp.backend(), name + ".c_fc.bias",
              Shard::of_columns({sizes.experts * sizes.hidden},
                                of_each(own, sizes.hidden,
                                        part_of(sizes.hidden, tp.size(), tp.rank()))),
              init.seed, init.vector),
      down(tp.backend(), name + ".c_proj.weight",
           Shard{{sizes.experts * sizes.hidden, sizes.width},
                 of_each(own, sizes.hidden, part_of(sizes.hidden, tp.size(), tp.rank())),
                 {{0, sizes.width}}},
           init.seed, projection),
      down_bias(tp.backend(), name + ".c_proj.bias",
                Shard::of_columns({sizes.experts * sizes.width}, {times(own, sizes.width)}),
                init.seed, init.vector),
      adds_bias_(tp.rank() == 0),
      own_(own.size()) {
  down_bias.counts = tp.rank() == 0;
  for (Parameter* parameter : parameters()) parameter->partial_over = {"edp"};
}

Tensor Experts::part_of_own(const Tensor& all, int64_t i) const {
  const int64_t rows = (all.shape().rank() == 1 ? all.elements() : all.rows()) / own_;
  return all.slice({i * rows, (i + 1) * rows});
}

//! [21-experts]
Tensor Experts::forward(const Tensor& x, const std::vector<int64_t>& rows, Kept& kept) const {
  kept = {rows, x, {}};
  Tensor z(x.backend(), x.shape(), x.type());  // [Σ rows × width]
  const auto a = up.use(), a_bias = up_bias.use(), b = down.use(), b_bias = down_bias.use();
  int64_t begin = 0;
  for (int64_t i = 0; i < own_; ++i) {
    const Range own{begin, begin + rows[static_cast<size_t>(i)]};
    begin = own.end;
    if (own.size() == 0) continue;  // an expert without tokens
    // U = X·A + b: [its rows × hidden/t], and the term gelu(U)·B: [its rows × width]
    auto [u, term] = linear_gelu_matmul(x.slice(own), part_of_own(*a, i), part_of_own(*a_bias, i),
                                        part_of_own(*b, i));
    if (adds_bias_) add_bias(term, part_of_own(*b_bias, i));
    Tensor place = z.slice(own);
    copy(place, term);
    kept.up_output.push_back(u);
  }
  return z;
}

Tensor Experts::backward(const Tensor& dz, const Kept& kept) {
  Tensor dx(dz.backend(), dz.shape(), dz.type());
  const auto a = up.use(), b = down.use();
  Tensor &da = up.open_gradient(), &da_bias = up_bias.open_gradient(), &db = down.open_gradient(),
         &db_bias = down_bias.open_gradient();
  int64_t begin = 0;
  size_t with_rows = 0;
  for (int64_t i = 0; i < own_; ++i) {
    const Range own{begin, begin + kept.rows[static_cast<size_t>(i)]};
    begin = own.end;
    if (own.size() == 0) continue;
    const Tensor upstream = dz.slice(own);
    Tensor bias_gradient = part_of_own(da_bias, i), second = part_of_own(db, i),
           second_bias = part_of_own(db_bias, i), first = part_of_own(da, i);
    // gelu(U) again, dU = (dZ·Bᵀ) ∘ gelu'(U), and the gradient of A's bias
    const auto [activated, du] = gelu_matmul_backward(upstream, part_of_own(*b, i),
                                                      kept.up_output[with_rows++], bias_gradient);
    add_linear_gradients(second, second_bias, activated, upstream);
    add_matmul(first, transposed(kept.x.slice(own)), du);
    matmul_into(dx.slice(own), du, transposed(part_of_own(*a, i)));
  }
  for (const Parameter* ready : {&down, &down_bias, &up, &up_bias}) ready->gradient_is_ready();
  return dx;
}
//! [21-experts]

}  // namespace shard
