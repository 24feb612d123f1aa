#include "chapters/23_planner/measured_operations.h"

#include <cmath>
#include <memory>
#include <set>

#include "chapters/23_planner/call_memory.h"
#include "common/tensor/attention.h"
#include "common/tensor/linear.h"
#include "common/tensor/ops.h"

namespace shard::chapter_23 {
namespace {

class Calls {
 public:
  explicit Calls(Runtime& runtime)
      : backend_(runtime.backend()),
        world_(runtime.world()),
        memory_(std::make_shared<CallMemory>(backend_, runtime.options().seed)) {}

  void product(Operation operation, int64_t m, int64_t k, int64_t n) {
    enter(operation, {m, k, n}, [=, o = memory_, bias = zeros({n})]() mutable {
      switch (operation) {
        case Operation::linear: return o->keep(linear(o->next({m, k}), o->next({k, n}), bias));
        case Operation::product: return o->keep(matmul(o->next({m, k}), o->next({k, n})));
        case Operation::gelu_product: return o->keep(gelu_matmul(o->next({m, k}), o->next({k, n})));
        case Operation::logits:
          return o->keep(matmul(o->next({m, k}), transposed(o->next({n, k}))));
        case Operation::input_gradient:
          return o->keep(linear_backward(o->next({m, k}), o->next({n, k})));
        case Operation::gelu_input_gradient: {
          const GeluBackward back =
              gelu_matmul_backward(o->next({m, k}), o->next({n, k}), o->next({m, n}), bias);
          o->keep(back.activated);
          return o->keep(back.du);
        }
        default: {
          Tensor sum = o->next_sum({m, n});
          add_matmul(sum, transposed(o->next({k, m})), o->next({k, n}));
        }
      }
    });
  }

  void attentions(int64_t sequences, int64_t context, int64_t heads, int64_t head_width) {
    const int64_t rows = sequences * context, width = heads * head_width;
    const AttentionSettings settings{.scale = 1.0f / std::sqrt(static_cast<float>(head_width))};
    const auto part = [=](const Tensor& x, int64_t number) {
      return heads_in_columns(x, number * width, sequences, heads, head_width);
    };
    const std::vector<int64_t> sizes{sequences * heads, context, head_width};
    enter(Operation::attention, sizes, [=, o = memory_] {
      const Tensor qkv = o->next({rows, 3 * width});
      o->keep(attention(part(qkv, 0), part(qkv, 1), part(qkv, 2), settings).output);
    });
    const Tensor qkv = memory_->next({rows, 3 * width});
    const AttentionResult whole = attention(part(qkv, 0), part(qkv, 1), part(qkv, 2), settings);
    enter(Operation::attention_backward, sizes, [=, &backend = backend_, o = memory_] {
      const Tensor dqkv(backend, {rows, 3 * width});
      attention_backward(part(dqkv, 0), part(dqkv, 1), part(dqkv, 2),
                         part(o->next({rows, width}), 0), part(qkv, 0), part(qkv, 1), part(qkv, 2),
                         whole, settings);
      o->keep(dqkv);
    });
  }

  void passes_over_rows(int64_t m, int64_t n) {
    using enum Operation;
    const auto pass = [&](Operation operation, std::function<void()> call) {
      enter(operation, {m * n}, std::move(call));
    };
    const auto next = [=, o = memory_] { return o->next({m, n}); };
    const auto next_sum = [=, o = memory_] { return o->next_sum({m, n}); };
    const auto keep = [=, o = memory_](const Tensor& x) { o->keep(x); };
    const Tensor gain = zeros({n}), bias = zeros({n}), x = next();
    pass(norm, [=] { keep(layer_norm(next(), gain, bias).y); });
    pass(add_norm, [=] {
      const AddLayerNorm result = add_layer_norm(next(), next(), gain, bias, &bias);
      keep(result.u);
      keep(result.normed.y);
    });
    pass(norm_backward, [=, forward = layer_norm(x, gain, bias), dgain = zeros({n}),
                         dbias = zeros({n}), dz = zeros({n})]() mutable {
      keep(layer_norm_backward_add(next(), next(), x, forward, gain, dgain, dbias, &dz));
    });
    pass(Operation::add, [=] { keep(shard::add(next(), next(), bias)); });
    pass(column_sums, [=, sums = zeros({n})]() mutable { add_column_sums(sums, next()); });
    pass(copy, [=] {
      Tensor to = next_sum();
      shard::copy(to, next());
    });
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < m; ++i) ids.push_back(static_cast<int32_t>(i * 7919 % m));
    const Tensor rows = Tensor::from(backend_, {m}, std::span<const int32_t>(ids));
    pass(gather_rows, [=] { keep(shard::gather_rows(next(), rows, 0)); });
    pass(add_to_rows, [=] {
      Tensor table = next_sum();
      shard::add_to_rows(table, rows, next(), 0);
    });
    pass(exp_sums, [=] { shard::exp_sums(next(), n); });
    pass(softmax_minus_targets, [=, sums = ExpSums{zeros({m}), Tensor::full(backend_, {m}, 1.0f)}] {
      Tensor logits = next_sum();
      shard::softmax_minus_targets(logits, sums, rows, 0, n, 1e-6f);
    });
  }

  void passes_over_parameters(int64_t elements) {
    using enum Operation;
    const Tensor x = zeros({elements});
    enter(zero, {elements}, [x = std::vector{x}] { shard::zero(x); });
    enter(squares, {elements}, [x, sum = zeros({1})]() mutable { add_sum_of_squares(sum, x); });
    const TrainedWeight weight{x,   zeros({elements}), zeros({elements}), zeros({elements}), {},
                               true};
    enter(adamw, {elements},
          [all = std::vector{weight}, factor = Tensor::full(backend_, {1}, 1.0f)] {
            shard::adamw(all, factor, AdamW{});
          });
  }

  void between_ranks(int64_t elements) {
    using enum Operation;
    if (world_.size() == 1) return;
    const std::vector<int64_t> parts = part_sizes(elements, world_.size()), bytes{4 * elements};
    const Tensor x = zeros({elements}), y = zeros({elements});
    enter(all_reduce, bytes, [=, &world = world_] { world.all_reduce(PartialSum(x)); });
    enter(reduce_scatter, bytes,
          [=, &world = world_, o = memory_] { o->keep(world.reduce_scatter(PartialSum(x))); });
    const Tensor own = zeros({parts[static_cast<size_t>(world_.rank())]});
    enter(all_gather, bytes,
          [=, &world = world_, o = memory_] { o->keep(world.all_gather(own, parts)); });
    enter(message, bytes, [x, in = y, &world = world_]() mutable {
      const int ranks = world.size(), rank = world.rank();
      world.send_receive(x, (rank + 1) % ranks, in, (rank + ranks - 1) % ranks);
    });
  }

  std::vector<MeasuredCall> all;

 private:
  void enter(Operation operation, std::vector<int64_t> sizes, std::function<void()> call) {
    if (!entered_.emplace(operation, sizes).second) return;
    all.push_back({{operation, std::move(sizes)}, std::move(call)});
  }
  Tensor zeros(const Shape& shape) { return Tensor::zeros(backend_, shape); }

  Backend& backend_;
  Communicator& world_;
  std::shared_ptr<CallMemory> memory_;
  std::set<std::pair<Operation, std::vector<int64_t>>> entered_;
};

/// The products of a block of this width, and of a head of so many words, on one of t ranks.
void products_of(Calls& calls, int64_t m, int64_t width, int64_t words, int64_t t) {
  using enum Operation;
  const int64_t attended = width / t, hidden = 4 * width / t;
  for (const int64_t columns : {3 * attended, hidden}) {
    calls.product(linear, m, width, columns);
    calls.product(input_gradient, m, columns, width);
    calls.product(weight_gradient, width, m, columns);
  }
  calls.product(product, m, attended, width);
  calls.product(input_gradient, m, width, attended);
  calls.product(weight_gradient, attended, m, width);
  calls.product(gelu_product, m, hidden, width);
  calls.product(gelu_input_gradient, m, width, hidden);
  calls.product(weight_gradient, hidden, m, width);
  calls.product(logits, m, width, words / t);
  calls.product(product, m, words / t, width);
  calls.product(weight_gradient, words / t, m, width);
}

}  // namespace

std::vector<MeasuredCall> measured_calls(Runtime& runtime) {
  constexpr int64_t words = 2048;
  Calls calls(runtime);
  for (const int64_t m : {64, 128, 256, 512}) {
    for (const int64_t width : {128, 256, 384, 512})
      for (const int64_t t : {1, 2}) products_of(calls, m, width, words, t);
  }
  for (const int64_t context : {32, 64, 128, 256})
    for (const int64_t head_width : {32, 64, 128}) calls.attentions(2, context, 4, head_width);
  for (const int64_t m : {64, 256, 512})
    for (const int64_t n : {256, 512, 2048}) calls.passes_over_rows(m, n);
  for (const int64_t elements : {1 << 10, 1 << 16, 1 << 19, 1 << 21, 1 << 23})
    calls.passes_over_parameters(elements);
  for (const int64_t elements : {2, 1 << 10, 1 << 14, 1 << 16, 1 << 17, 1 << 18, 1 << 20})
    calls.between_ranks(elements);
  return std::move(calls.all);
}

}  // namespace shard::chapter_23
