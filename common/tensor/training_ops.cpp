// The ops of ops.h on a vocabulary, and those of training.
#include "common/tensor/op_checks.h"
#include "common/tensor/ops.h"

namespace shard {

using namespace op_checks;

// ---- Vocabulary ---------------------------------------------------------------------------------

Tensor gather_rows(const Tensor& table, const Tensor& ids, int64_t first_row) {
  is_index_list("gather_rows", ids, ids.elements());
  one_type("gather_rows", table);
  Tensor out(table.backend(), {ids.elements(), table.columns()}, table.type());
  backend_of("gather_rows", table, ids).gather_rows(out, table, ids, first_row);
  return out;
}

void add_to_rows(Tensor& dtable, const Tensor& ids, const Tensor& dy, int64_t first_row) {
  is_index_list("add_to_rows", ids, dy.rows());
  require(dtable.columns() == dy.columns(), "add_to_rows: ", dy.shape(), " into ", dtable.shape());
  one_type("add_to_rows", dy);
  is_f32("add_to_rows", dtable);
  backend_of("add_to_rows", dtable, ids, dy).add_to_rows(dtable, ids, dy, first_row);
}

Tensor row_max(const Tensor& x, int64_t valid_columns) {
  columns_fit("row_max", x, 0, valid_columns);
  one_type("row_max", x);
  Tensor max = one_a_row(x);
  x.backend().row_max(max, x, valid_columns);
  return max;
}

Tensor row_sum(const Tensor& x, int64_t valid_columns) {
  columns_fit("row_sum", x, 0, valid_columns);
  one_type("row_sum", x);
  Tensor sums = one_a_row(x);
  x.backend().row_sum(sums, x, valid_columns);
  return sums;
}

Tensor exp_and_row_sum(Tensor& x, const Tensor& max, int64_t valid_columns) {
  columns_fit("exp_and_row_sum", x, 0, valid_columns);
  has("exp_and_row_sum", "the maximum", max, x.rows());
  one_type("exp_and_row_sum", x);
  is_f32("exp_and_row_sum", max);
  Tensor sums = one_a_row(x);
  backend_of("exp_and_row_sum", x, max).exp_and_row_sum(x, sums, max, valid_columns);
  return sums;
}

Tensor pick(const Tensor& x, const Tensor& columns, int64_t first_column) {
  is_index_list("pick", columns, x.rows());
  one_type("pick", x);
  Tensor picked = one_a_row(x);
  backend_of("pick", x, columns).pick(picked, x, columns, first_column);
  return picked;
}

static Tensor cross_entropy_of(const Tensor& sums, const Tensor& max, const Tensor& picked,
                               const Tensor& targets) {
  same_shape("cross_entropy", sums, max);
  same_shape("cross_entropy", sums, picked);
  one_type("cross_entropy", sums, max, picked);
  is_f32("cross_entropy", sums);
  Tensor losses = like(sums);
  backend_of("cross_entropy", sums, max, picked).cross_entropy(losses, sums, max, picked, targets);
  return losses;
}

Tensor cross_entropy(const Tensor& sums, const Tensor& max, const Tensor& picked) {
  return cross_entropy_of(sums, max, picked, {});
}

Tensor cross_entropy(const Tensor& sums, const Tensor& max, const Tensor& picked,
                     const Tensor& targets) {
  is_index_list("cross_entropy", targets, sums.elements());
  backend_of("cross_entropy", sums, targets);
  return cross_entropy_of(sums, max, picked, targets);
}

void cross_entropy_backward(Tensor& exps, const Tensor& sums, const Tensor& targets,
                            int64_t first_column, float factor) {
  is_index_list("cross_entropy_backward", targets, exps.rows());
  has("cross_entropy_backward", "the sum", sums, exps.rows());
  one_type("cross_entropy_backward", exps);
  is_f32("cross_entropy_backward", sums);
  backend_of("cross_entropy_backward", exps, sums, targets)
      .cross_entropy_backward(exps, sums, targets, first_column, factor);
}

ExpSums exp_sums(const Tensor& x, int64_t valid_columns) {
  columns_fit("exp_sums", x, 0, valid_columns);
  one_type("exp_sums", x);
  ExpSums result{one_a_row(x), one_a_row(x)};
  x.backend().exp_sums(result, x, valid_columns);
  return result;
}

Tensor rescaled(const ExpSums& part, const Tensor& max) {
  same_shape("rescaled", part.sums, part.max);
  same_shape("rescaled", part.max, max);
  one_type("rescaled", part.sums, part.max, max);
  is_f32("rescaled", max);
  Tensor sums = like(part.sums);
  backend_of("rescaled", part.sums, part.max, max).rescale(sums, part, max);
  return sums;
}

void softmax_minus_targets(Tensor& logits, const ExpSums& of, const Tensor& targets,
                           int64_t first_column, int64_t valid_columns, float factor) {
  columns_fit("softmax_minus_targets", logits, 0, valid_columns);
  is_index_list("softmax_minus_targets", targets, logits.rows());
  has("softmax_minus_targets", "the maximum", of.max, logits.rows());
  has("softmax_minus_targets", "the sum", of.sums, logits.rows());
  one_type("softmax_minus_targets", logits);
  is_f32("softmax_minus_targets", of.max);
  is_f32("softmax_minus_targets", of.sums);
  backend_of("softmax_minus_targets", logits, of.max, of.sums, targets)
      .softmax_minus_targets(logits, of, targets, first_column, valid_columns, factor);
}

// ---- Training -----------------------------------------------------------------------------------

void add_sum(Tensor& total, const Tensor& x) {
  has("add_sum", "the total", total, 1);
  is_f32("add_sum", total);
  is_f32("add_sum", x);
  backend_of("add_sum", total, x).add_sum(total, x);
}

void add_sum_of_squares(Tensor& total, const Tensor& x) {
  add_sum_of_squares(total, std::span(&x, 1));
}

void add_sum_of_squares(Tensor& total, std::span<const Tensor> all) {
  has("add_sum_of_squares", "the total", total, 1);
  is_f32("add_sum_of_squares", total);
  for (const Tensor& x : all) {
    is_f32("add_sum_of_squares", x);
    backend_of("add_sum_of_squares", total, x);
  }
  total.backend().add_sum_of_squares(total, all);
}

Tensor clip_factor(const Tensor& sum_of_squares, float limit) {
  has("clip_factor", "the sum", sum_of_squares, 1);
  is_f32("clip_factor", sum_of_squares);
  require(limit >= 0.0f, "clip_factor: the limit ", limit, " is negative");
  Tensor factor = like(sum_of_squares);
  backend_of("clip_factor", sum_of_squares).clip_factor(factor, sum_of_squares, limit);
  return factor;
}

void zero(std::span<const Tensor> all) {
  if (all.empty()) return;
  for (const Tensor& x : all) {
    is_f32("zero", x);
    backend_of("zero", all.front(), x);
  }
  all.front().backend().zero(all);
}

void adamw(Tensor& weight, Tensor& m, Tensor& v, const Tensor& gradient,
           const Tensor& gradient_factor, const AdamW& hyper) {
  const TrainedWeight one{weight, m, v, gradient, {}};
  adamw(std::span(&one, 1), gradient_factor, hyper);
}

void adamw(std::span<const TrainedWeight> all, const Tensor& gradient_factor, const AdamW& hyper) {
  has("adamw", "the gradient's factor", gradient_factor, 1);
  is_f32("adamw", gradient_factor);
  for (const auto& [weight, m, v, gradient, rounded, decays] : all) {
    same_shape("adamw", weight, gradient);
    same_shape("adamw", weight, m);
    same_shape("adamw", weight, v);
    one_type("adamw", weight, m, v, gradient, gradient_factor);
    backend_of("adamw", weight, m, v, gradient, gradient_factor);
    if (!rounded) continue;
    same_shape("adamw", weight, rounded);
    require(rounded.type() == DataType::bf16, "adamw: weights are rounded to bf16, not to ",
            rounded.type());
    backend_of("adamw", weight, rounded);
  }
  gradient_factor.backend().adamw(all, gradient_factor, hyper);
}

}  // namespace shard
