#include "chapters/23_planner/cpu_passes.h"

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "chapters/20_context_parallel/sequence_cut.h"

namespace shard::chapter_23 {
namespace {

using enum Operation;

constexpr int64_t value = 4;  // bytes: f32

int64_t over(int64_t whole, int64_t ranks) { return (whole + ranks - 1) / ranks; }

/// The passes under way, and the sizes on a rank.
class Passes {
 public:
  Passes(const ModelShape& model, const Layout& layout, CpuPasses& passes)
      : model_(model),
        layout_(layout),
        passes_(passes),
        rows_(layout.micro_batch * over(model.context, layout.cp)),
        own_rows_(layout.sequence_parallel ? over(rows_, layout.tp) : rows_),
        width_(model.width),
        attended_(width_ / layout.tp),
        hidden_(over(model.mlp_width(), layout.tp)),
        words_(vocabulary_part(model.vocabulary, static_cast<int>(layout.tp), 0).size()) {}

  void embedding() {
    forward().compute(pass_work(gather_rows, rows_ * width_));  // of tokens
    sum_rows(forward());
    forward().compute(pass_work(gather_rows, own_rows_ * width_));  // of positions
    forward().compute(pass_work(copy, own_rows_ * width_));         // added
    inputs().compute(pass_work(add_to_rows, own_rows_ * width_));
    all_rows(inputs());
    inputs().compute(pass_work(add_to_rows, rows_ * width_));
  }

  //! [23-cpu-block]
  void block() {
    const bool again = layout_.recompute == Recompute::full;
    up_to_mlp(forward());
    enter_half(forward());
    forward().compute(product_work(linear, rows_, width_, hidden_));
    forward().compute(product_work(gelu_product, rows_, hidden_, width_));
    leave_half(forward());
    forward().compute(pass_work(add, own_rows_ * width_));
    if (again) {  // chapter 14: all but the block's last product and what follows it
      up_to_mlp(inputs());
      enter_half(inputs());
      inputs().compute(product_work(linear, rows_, width_, hidden_));
    }
    backward_of_half(!again, hidden_, [&] {
      inputs().compute(product_work(gelu_input_gradient, rows_, width_, hidden_));
      weights().compute(product_work(weight_gradient, hidden_, rows_, width_));
      inputs().compute(pass_work(column_sums, own_rows_ * width_));
    });
    backward_of_half(!again, 3 * attended_, [&] {
      weights().compute(product_work(weight_gradient, attended_, rows_, width_));
      inputs().compute(product_work(input_gradient, rows_, width_, attended_));
      attention_passes(inputs(), attention_backward);
      inputs().compute(pass_work(column_sums, rows_ * 3 * attended_));
    });
  }
  //! [23-cpu-block]

  void head() {
    forward().compute(pass_work(norm, own_rows_ * width_));
    all_rows(forward());
    forward().compute(product_work(logits, rows_, width_, words_));
    forward().compute(pass_work(exp_sums, rows_ * words_));
    for (int i = 0; i < 3; ++i)  // the largest logit, the sum, the target's
      forward().communicate(&StepTime::tp, layout_.tp, all_reduce, rows_ * value);
    inputs().compute(pass_work(softmax_minus_targets, rows_ * words_));
    inputs().compute(product_work(product, rows_, words_, width_));
    sum_rows(inputs());
    weights().compute(product_work(weight_gradient, words_, rows_, width_));
    inputs().compute(pass_work(norm_backward, own_rows_ * width_));
  }

 private:
  OperationSum& forward() { return passes_.forward; }
  OperationSum& inputs() { return passes_.input_gradients; }
  OperationSum& weights() { return passes_.weight_gradients; }

  // Where the ranks of tp meet: all-reduces of all rows or, in sequence parallelism, all-gathers
  // before a half and reduce-scatters after it (chapter 13).
  void between_ranks(OperationSum& sum, Operation operation) const {
    sum.communicate(&StepTime::tp, layout_.tp, operation, rows_ * width_ * value);
  }
  void all_rows(OperationSum& sum) const {
    if (layout_.sequence_parallel) between_ranks(sum, all_gather);
  }
  void sum_rows(OperationSum& sum) const {
    between_ranks(sum, layout_.sequence_parallel ? reduce_scatter : all_reduce);
  }
  void enter_half(OperationSum& sum) const { all_rows(sum); }
  void leave_half(OperationSum& sum) const {
    sum_rows(sum);
    if (layout_.sequence_parallel) sum.compute(pass_work(copy, own_rows_ * width_));  // the bias
  }

  void up_to_mlp(OperationSum& sum) const {
    sum.compute(pass_work(norm, own_rows_ * width_));
    enter_half(sum);
    sum.compute(product_work(linear, rows_, width_, 3 * attended_));
    attention_passes(sum, attention);
    sum.compute(product_work(product, rows_, attended_, width_));
    leave_half(sum);
    sum.compute(pass_work(add_norm, own_rows_ * width_));
  }

  /// `own` up to the gradient of the first product's result [rows × columns], then that product's.
  template <class Own>
  void backward_of_half(bool gathers_again, int64_t columns, const Own& own) {
    all_rows(inputs());
    if (gathers_again) all_rows(inputs());  // the input of the first product
    own();
    inputs().compute(product_work(input_gradient, rows_, columns, width_));
    sum_rows(inputs());
    weights().compute(product_work(weight_gradient, width_, rows_, columns));
    inputs().compute(pass_work(norm_backward, own_rows_ * width_));
  }

  void attention_passes(OperationSum& sum, Operation operation) const {
    const int64_t heads = layout_.micro_batch * model_.heads / layout_.tp;
    if (layout_.cp > 1) return ring(sum, operation, heads);
    sum.compute(
        attention_work(operation, heads, model_.context, model_.context, model_.head_width()));
  }

  /// Chapter 20's ring: at each step the blocks of scores that this rank's queries have with the
  /// keys that are here. Rank 0's are as many as any other's (zigzag).
  void ring(OperationSum& sum, Operation operation, int64_t heads) const {
    const bool back = operation == attention_backward;
    const int ranks = static_cast<int>(layout_.cp);
    const SequenceCut cut(CutKind::zigzag, ranks);
    const int64_t elements = rows_ * attended_;
    for (int owner = 0; owner < ranks; ++owner) {
      for (const ScoreBlock& block : cut.blocks(model_.context, 0, owner)) {
        const int64_t queries = block.queries.positions.size(), keys = block.keys.positions.size();
        sum.compute(attention_work(operation, heads, queries, keys, model_.head_width(),
                                   {.first_query = block.queries.positions.begin,
                                    .first_key = block.keys.positions.begin}));
        // merged with, or added to, what other blocks gave
        sum.compute(pass_work(copy, heads * queries * model_.head_width()));
        if (back) sum.compute(pass_work(copy, 2 * heads * keys * model_.head_width()));
      }
      const bool sends_keys = owner + 1 < ranks;
      for (int i = 0; i < (sends_keys ? 1 : 0) + (back ? 1 : 0); ++i)
        sum.communicate(&StepTime::cp, layout_.cp, message, 2 * elements * value);
      if (back) sum.compute(pass_work(zero, 2 * elements));
    }
    sum.compute(pass_work(copy, (back ? 5 : 3) * elements));  // keys and values out; results in
  }

  const ModelShape& model_;
  const Layout& layout_;
  CpuPasses& passes_;
  int64_t rows_, own_rows_, width_, attended_, hidden_, words_;
};

}  // namespace

void OperationSum::compute(const OperationWork& work) {
  (work.operation <= attention_backward ? seconds.products : seconds.memory) +=
      costs_.seconds(work);
}

void OperationSum::communicate(double StepTime::*axis, int64_t ranks, Operation operation,
                               int64_t bytes) {
  if (ranks > 1) seconds.*axis += costs_.seconds(pass_work(operation, bytes));
}

CpuPasses passes_of(const ModelShape& model, const Layout& layout, const GptStage& part,
                    const OperationCosts& costs) {
  CpuPasses passes{OperationSum(costs), OperationSum(costs), OperationSum(costs)};
  Passes under_way(model, layout, passes);
  if (part.embedding) under_way.embedding();
  for (int64_t layer = 0; layer < part.layers.size(); ++layer) under_way.block();
  if (part.head) under_way.head();
  return passes;
}

}  // namespace shard::chapter_23
