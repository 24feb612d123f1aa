#include "chapters/14_recompute/published.h"

#include "chapters/14_recompute/costs.h"
#include "common/base/error.h"
#include "common/check/reference.h"

namespace shard::chapter_14 {
namespace {

/// A model whose numbers the paper prints.
struct Model {
  std::string name;
  int64_t heads, width, layers;
};

constexpr int64_t context = 2048, vocabulary = 51200;

/// One sequence through one block. The paper counts all keys for each query.
BlockWork work_of(const Model& model) {
  return {.context = context,
          .width = model.width,
          .heads = model.heads,
          .hidden = 4 * model.width,
          .causal = false};
}

/// 72·L·s·h²·(1 + attention·s/h + v/(12·h·L)).
double closed_flops(const Model& model, double attention) {
  const auto s = static_cast<double>(context), h = static_cast<double>(model.width),
             layers = static_cast<double>(model.layers), v = static_cast<double>(vocabulary);
  return 72 * layers * s * h * h * (1 + attention * s / h + v / (12 * h * layers));
}

std::string percent(double share, int digits = 2) { return fixed(100 * share, digits) + " %"; }

}  // namespace

void compare_with_published(Report& report) {
  report.heading(
      "Large models, by the formulas: bytes saved by selective recomputation, FLOPs added to a "
      "step");
  const std::vector<Model> models = {{"GPT-3, 175B", 96, 12288, 96},
                                     {"MT-NLG, 530B", 128, 20480, 105}};
  Table table(
      {"model", "saved", "equation 8", "Q·Kᵀ and P·V", "Q·Kᵀ only", "full", "full, no output"});
  double model_error = 0, selective_error = 0;
  std::vector<double> both_products;
  for (const Model& model : models) {
    const BlockWork work = work_of(model);
    const auto all =
        static_cast<double>(model_flops(Design::written_out, work, model.layers, vocabulary));
    const auto share = [&](int64_t flops) {  // of so many in each block
      return static_cast<double>(model.layers * flops) / all;
    };
    const int64_t product = flops_of_attention_product(work);
    const double scores = 5.0 * static_cast<double>(model.heads * context) /
                          static_cast<double>(model.width);  // 5as/h, beside 34
    both_products.push_back(share(2 * product));
    table.row({model.name, percent(scores / (34 + scores), 1),
               percent(closed_flops(model, 1.0 / 3) / closed_flops(model, 1.0 / 6) - 1),
               percent(both_products.back()), percent(share(product)),
               percent(share(forward_flops(work)), 1),
               percent(share(recomputation_flops(work)), 1)});
    model_error = reference::larger(model_error,
                                    reference::relative_error(all, closed_flops(model, 1.0 / 6)));
    selective_error = reference::larger(
        selective_error,
        reference::relative_error(all + static_cast<double>(model.layers * 2 * product),
                                  closed_flops(model, 2.0 / 9)));
  }
  report.table(table);
  report.check("a step without recomputation: 72·L·B·s·h²·(1 + s/6h + v/12hL), as the paper says",
               model_error, 1e-12);
  report.check(
      "with Q·Kᵀ and P·V again: 72·L·B·s·h²·(1 + 2s/9h + v/12hL), not s/3h as in equation 8",
      selective_error, 1e-12);
  report.result("selective_share_of_175b", both_products[0]);
  report.result("selective_share_of_530b", both_products[1]);
}

}  // namespace shard::chapter_14
