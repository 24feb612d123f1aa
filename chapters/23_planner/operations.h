// The operations that a training step is made of on a CPU, and how much each has to do.
#pragma once
#include <cstdint>
#include <vector>

#include "common/tensor/attention_settings.h"

namespace shard::chapter_23 {

/// As common/tensor's ops.h, linear.h and attention.h have them, and common/comm's collectives.
enum class Operation {
  // X·W + b; X·W; gelu(U)·W; X·Wᵀ of the head
  linear,
  product,
  gelu_product,
  logits,
  // dY·Wᵀ; with GeLU's derivative; dW + Xᵀ·dY
  input_gradient,
  gelu_input_gradient,
  weight_gradient,
  attention,
  attention_backward,
  // passes over memory
  norm,
  add_norm,
  norm_backward,
  add,
  column_sums,
  gather_rows,
  add_to_rows,
  exp_sums,
  softmax_minus_targets,
  copy,
  zero,
  squares,
  adamw,
  // between ranks
  all_reduce,
  reduce_scatter,
  all_gather,
  message,
};

/// What an operation's time is a sum of: the first is 1, for the call.
using Counts = std::vector<double>;

/// Something to do: an operation, and how much of it.
struct OperationWork {
  Operation operation;
  Counts counts;
};
/// A product of [m × k] and [k × n].
OperationWork product_work(Operation operation, int64_t m, int64_t k, int64_t n);
/// Attention of so many heads of all sequences, each with `queries` and `keys` of head_width: the
/// scores are those that the strips of common/cpu/attention.cpp compute.
OperationWork attention_work(Operation operation, int64_t matrices, int64_t queries, int64_t keys,
                             int64_t head_width, const AttentionSettings& settings = {});
/// A pass over so many elements, or a collective of so many bytes.
OperationWork pass_work(Operation operation, int64_t count);

/// Something that was measured. Sizes: of a product m, k, n; of attention the heads of all
/// sequences, their tokens, the head's width; of a pass the elements; of a collective the bytes.
struct Sample {
  Operation operation;
  std::vector<int64_t> sizes;
  double seconds = 0;
};
size_t number_of_sizes(Operation operation);
OperationWork work_of(const Sample& sample);
bool is_between_ranks(Operation operation);
const char* name_of(Operation operation);
const std::vector<Operation>& all_operations();

}  // namespace shard::chapter_23
