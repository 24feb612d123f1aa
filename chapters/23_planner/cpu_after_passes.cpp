#include "chapters/23_planner/cpu_after_passes.h"

#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "chapters/23_planner/parameter_list.h"

namespace shard::chapter_23 {
namespace {

using enum Operation;

constexpr int64_t value = 4;  // bytes: f32

class AfterPasses {
 public:
  AfterPasses(const Layout& layout, int64_t micro_batches, const OperationCosts& costs)
      : layout_(layout), micro_batches_(micro_batches), sum_(costs) {}

  /// Gradients' sums over the ranks that have other data, and AdamW. `units`: the parameters of the
  /// stage, block by block.
  StepTime of(const ParameterSizes& all, const ParameterSizes& ends,
              const std::vector<ParameterSizes>& blocks) {
    const int64_t elements = elements_of(all);
    switch (layout_.shard_optimizer) {
      case 0: reduce(all_reduce, elements, buckets(all)); break;
      case 1:
        reduce(reduce_scatter, elements, buckets(all));
        reduce(all_gather, elements, buckets(all));
        break;
      case 2: shard_gradients(elements, buckets(all)); break;
      default: shard_weights(elements_of(ends), blocks);
    }
    if (layout_.sequence_parallel) sum_over_tp(all);
    const int64_t own = layout_.shard_optimizer > 0 ? elements / data_ranks() : elements;
    optimizer(zero, layout_.shard_optimizer > 1 ? own : elements);
    optimizer(squares, own);
    optimizer(adamw, own);
    return sum_.seconds;
  }

 private:
  int64_t data_ranks() const { return layout_.dp * layout_.cp; }

  /// Of at least 1 MB, as chapters 10 and 15 have them.
  static int64_t buckets(const ParameterSizes& parameters) {
    std::vector<int64_t> elements;
    for (const ParameterSize& parameter : parameters) elements.push_back(parameter.elements);
    return std::ssize(bucket_ranges(elements, BucketedReduction::bucket_bytes));
  }

  void reduce(Operation operation, int64_t elements, int64_t calls) {
    for (int64_t i = 0; i < calls; ++i)
      sum_.communicate(&StepTime::dp, data_ranks(), operation, elements * value / calls);
  }

  /// Chapter 15: whole gradients of a bucket exist in each backward pass, and are zeros first.
  void shard_gradients(int64_t elements, int64_t calls) {
    for (int64_t i = 0; i < micro_batches_; ++i) {
      sum_.compute(pass_work(zero, elements));
      reduce(reduce_scatter, elements, calls);
      sum_.compute(pass_work(copy, elements / data_ranks()));
    }
    reduce(all_gather, elements, calls);
  }

  /// Chapter 16: a block's weights are gathered in both passes, the last block's once; the root
  /// unit's once. What is freed is filled.
  void shard_weights(int64_t root, const std::vector<ParameterSizes>& blocks) {
    const auto gather = [&](int64_t elements) {
      reduce(all_gather, elements, 1);
      sum_.compute(pass_work(zero, elements));
    };
    const auto scatter = [&](int64_t elements) {
      sum_.compute(pass_work(zero, elements));
      reduce(reduce_scatter, elements, 1);
      sum_.compute(pass_work(copy, elements / data_ranks()));
    };
    gather(root);
    for (int64_t i = 0; i < micro_batches_; ++i) {
      for (size_t block = 0; block < blocks.size(); ++block) {
        const int64_t elements = elements_of(blocks[block]);
        gather(elements);
        if (block + 1 < blocks.size()) gather(elements);
        scatter(elements);
      }
    }
    scatter(root);
  }

  /// What each tp rank has computed from its own rows only (chapter 13), in one flat tensor.
  void sum_over_tp(const ParameterSizes& all) {
    int64_t elements = 0;
    for (const ParameterSize& parameter : all)
      if (parameter.kind == Kind::whole) elements += parameter.elements;
    sum_.communicate(&StepTime::tp, layout_.tp, all_reduce, elements * value);
    sum_.compute(pass_work(copy, 2 * elements));
  }

  void optimizer(Operation operation, int64_t elements) {
    sum_.seconds.optimizer += sum_.costs().seconds(pass_work(operation, elements));
  }

  const Layout& layout_;
  int64_t micro_batches_;
  OperationSum sum_;
};

}  // namespace

StepTime after_passes(const ModelShape& model, const Layout& layout, int64_t micro_batches,
                      const std::vector<GptStage>& parts, const OperationCosts& costs) {
  const LayerPlace place{.tp_ranks = static_cast<int>(layout.tp)};
  ParameterSizes all, ends;
  std::vector<ParameterSizes> blocks;
  for (const GptStage& part : parts) {
    const ParameterSizes of_part = parameters_of_part(model, part, place);
    all.insert(all.end(), of_part.begin(), of_part.end());
    GptStage without = part;
    without.layers = {0, 0};
    const ParameterSizes of_ends = parameters_of_part(model, without, place);
    ends.insert(ends.end(), of_ends.begin(), of_ends.end());
    blocks.resize(blocks.size() + static_cast<size_t>(part.layers.size()),
                  parameters_of_block(model, place));
  }
  return AfterPasses(layout, micro_batches, costs).of(all, ends, blocks);
}

}  // namespace shard::chapter_23
