// ContextParallel: a model whose batches' sequences are cut among the ranks of a group. Everything
// that belongs to a token follows the cut: its position, its target, its dropout masks. The
// gradients of all weights become sums over these ranks, too.
#pragma once
#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"
#include "chapters/20_context_parallel/context_parallel_attention.h"

namespace shard {

/// This rank's tokens of a batch of whole sequences, and which rows of it they are.
struct CutBatch {
  Batch batch;
  RowMap rows;
};
/// `sequences`: the batch's numbers in the whole batch.
CutBatch cut_batch(const SequenceCut& cut, int rank, const Batch& batch, Range sequences);
/// The same values [sequences·context] of whole sequences from each rank's own. One all-gather.
Tensor of_all_ranks(const ContextAttention& inside, const Tensor& own, int64_t sequences,
                    int64_t context);

/// The number of targets in the batches of all ranks of `group` that are not no_target. Collective.
int64_t tokens_with_loss(Communicator& group, const Batch& batch);

/// Model is a whole BasicGpt whose blocks attend by `inside`.
template <class Model>
class ContextParallel : public Model {
 public:
  /// Model(arguments …).
  template <class... Arguments>
  explicit ContextParallel(std::shared_ptr<const ContextAttention> inside, Arguments&&... arguments)
      : Model(std::forward<Arguments>(arguments)...), inside_(std::move(inside)) {
    for (Parameter* parameter : Model::parameters()) parameter->partial_over.push_back("cp");
  }

  //! [20-model]
  /// The losses of this rank's tokens. `batch` has whole sequences, as everywhere else.
  Tensor forward_backward(const Batch& batch, const DropoutMoment& moment, float factor) override {
    const auto [own, rows] = cut(batch, moment.first_sequence);
    DropoutMoment of_rows = moment;
    of_rows.rows = rows;
    typename Model::Kept kept;
    const Tensor losses = Model::forward(own.tokens, own.targets, own.sequences, of_rows, kept);
    Model::backward(factor, kept);
    return losses;
  }
  //! [20-model]

  /// The losses of all tokens, on every rank.
  Tensor losses(const Batch& batch) const override {
    const auto [own, rows] = cut(batch, 0);
    typename Model::Kept unused;
    unused.for_backward = false;
    const Tensor losses =
        Model::forward(own.tokens, own.targets, own.sequences, {.rows = rows}, unused);
    return of_all_ranks(*inside_, losses, batch.sequences, rows.context());
  }

  /// The logits of all tokens, on every rank. Of fewer tokens than ranks, too: a token's logits do
  /// not depend on those after it, so that any may follow.
  Tensor logits(const Tensor& tokens) const override {
    const int64_t count = tokens.elements();
    std::vector<int32_t> ids = tokens.to_host_int();
    ids.resize(static_cast<size_t>(std::max<int64_t>(count, inside_->cut().ranks)), ids.at(0));
    const Tensor all = Tensor::from(tokens.backend(), {std::ssize(ids)}, std::span(ids));
    const auto [own, rows] = cut({all, all, 1}, 0);
    typename Model::Kept unused;
    unused.for_backward = false;
    const Tensor logits = Model::logits(own.tokens, 1, {.rows = rows}, unused);
    return of_all_ranks(*inside_, logits, 1, rows.context()).slice({0, count});
  }

 private:
  CutBatch cut(const Batch& batch, int64_t first_sequence) const {
    return cut_batch(inside_->cut(), inside_->group().rank(), batch,
                     {first_sequence, first_sequence + batch.sequences});
  }

  std::shared_ptr<const ContextAttention> inside_;
};

using ContextParallelBlock = BasicBlock<ContextParallelAttention, FusedMlp>;

/// Makes the blocks of such a model, for BasicGpt.
BasicGpt<ContextParallelBlock>::MakeBlock context_parallel_block(
    Communicator& tp, const GptSizes& sizes, const Init& init,
    std::shared_ptr<const ContextAttention> inside);

/// Chapter 10's Gpt with its sequences cut.
class ContextParallelGpt : public ContextParallel<BasicGpt<ContextParallelBlock>> {
 public:
  /// Throws UsageError where the ranks cannot share out heads or tokens.
  ContextParallelGpt(Communicator& tp, std::shared_ptr<const ContextAttention> inside,
                     const GptSizes& sizes, const Init& init);
};

}  // namespace shard
