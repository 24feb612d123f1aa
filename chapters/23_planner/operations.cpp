#include "chapters/23_planner/operations.h"

#include <algorithm>
#include <iterator>

#include "common/base/error.h"

namespace shard::chapter_23 {

static constexpr const char* names[] = {"linear",
                                        "product",
                                        "gelu_product",
                                        "logits",
                                        "input_gradient",
                                        "gelu_input_gradient",
                                        "weight_gradient",
                                        "attention",
                                        "attention_backward",
                                        "norm",
                                        "add_norm",
                                        "norm_backward",
                                        "add",
                                        "column_sums",
                                        "gather_rows",
                                        "add_to_rows",
                                        "exp_sums",
                                        "softmax_minus_targets",
                                        "copy",
                                        "zero",
                                        "squares",
                                        "adamw",
                                        "all_reduce",
                                        "reduce_scatter",
                                        "all_gather",
                                        "message"};

const char* name_of(Operation operation) { return names[static_cast<size_t>(operation)]; }

const std::vector<Operation>& all_operations() {
  static const std::vector<Operation> all = [] {
    std::vector<Operation> each;
    for (size_t i = 0; i < std::size(names); ++i) each.push_back(static_cast<Operation>(i));
    return each;
  }();
  return all;
}

size_t number_of_sizes(Operation operation) {
  return operation <= Operation::attention_backward ? 3 : 1;
}

bool is_between_ranks(Operation operation) { return operation >= Operation::all_reduce; }

// ---- Counts -------------------------------------------------------------------------------------

OperationWork product_work(Operation operation, int64_t m, int64_t k, int64_t n) {
  const auto rows = static_cast<double>(m), inner = static_cast<double>(k),
             columns = static_cast<double>(n);
  return {operation, {1, rows * inner * columns, rows * inner, inner * columns, rows * columns}};
}

OperationWork attention_work(Operation operation, int64_t matrices, int64_t queries, int64_t keys,
                             int64_t head_width, const AttentionSettings& settings) {
  constexpr int64_t strip_queries = 64;
  int64_t strips = 0, scores = 0;
  for (int64_t first = 0; first < queries; first += strip_queries, ++strips) {
    const int64_t count = std::min(strip_queries, queries - first);
    scores += count * settings.seen_keys(first + count - 1, keys);
  }
  const auto all_scores = static_cast<double>(matrices * scores);
  return {operation,
          {1, static_cast<double>(matrices * strips), all_scores,
           all_scores * static_cast<double>(head_width)}};
}

OperationWork pass_work(Operation operation, int64_t count) {
  return {operation, {1, static_cast<double>(count)}};
}

OperationWork work_of(const Sample& sample) {
  const std::vector<int64_t>& sizes = sample.sizes;
  require(sizes.size() == number_of_sizes(sample.operation), "a measurement of ",
          name_of(sample.operation), " with ", sizes.size(), " sizes");
  if (sample.operation <= Operation::weight_gradient)
    return product_work(sample.operation, sizes[0], sizes[1], sizes[2]);
  if (sample.operation <= Operation::attention_backward)
    return attention_work(sample.operation, sizes[0], sizes[1], sizes[1], sizes[2]);
  return pass_work(sample.operation, sizes[0]);
}

}  // namespace shard::chapter_23
