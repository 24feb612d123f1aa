// The two ends of a GPT with the vocabulary cut over the ranks: the embedding, and the loss from
// sharded logits. A vocabulary that t does not divide is padded to ⌈V/t⌉ rows per rank, and on a
// GPU to the next multiple of 128, so that its products are fast. Padding rows stay zero, and
// padding logits do not affect the loss. Shoeybi et al., arXiv:1909.08053, section 3, last
// paragraphs.
#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/kept.h"
#include "common/tensor/parameter.h"

namespace shard {

/// Rows of the vocabulary that rank `rank` of `ranks` holds: ⌈vocabulary/ranks⌉, rounded up to a
/// multiple of `multiple`, so the last ranks' may reach past the end, or lie beyond it altogether.
Range vocabulary_part(int64_t vocabulary, int ranks, int rank, int64_t multiple = 1);
/// Those of this rank of `group`, with its device's multiple: ⌈vocabulary/t⌉ below means their
/// number.
Range vocabulary_part(int64_t vocabulary, const Communicator& group);

class VocabParallelEmbedding {
 public:
  /// A table [vocabulary × width] cut by rows; the parameter is `name`.weight.
  VocabParallelEmbedding(Communicator& group, const std::string& name, int64_t vocabulary,
                         int64_t width, const Init& init);

  struct Kept {
    Tensor ids;  // i32 [tokens]
    auto parts() const { return std::tie(ids); }
  };

  /// ids: i32 [tokens], the same on every rank → their rows [tokens × width], the same on every
  /// rank. A rank adds zeros for ids that it does not hold; one all-reduce puts the rows together.
  /// Ids must be below vocabulary: no rank holds another one, and its row would be zeros.
  Tensor forward(const Tensor& ids, Kept& kept) const;
  /// The same without the sum: this rank's term.
  PartialSum partial_forward(const Tensor& ids, Kept& kept) const;
  /// dy: [tokens × width], the same on every rank. Each rank adds to the rows it holds. No
  /// communication.
  void backward(const Tensor& dy, const Kept& kept);

  Parameters parameters() { return {&weight}; }
  Parameter weight;  // [⌈vocabulary/t⌉ × width]

 private:
  Communicator& group_;
  Range part_;
};

class VocabParallelCrossEntropy {
 public:
  VocabParallelCrossEntropy(Communicator& group, int64_t vocabulary);

  struct Kept {
    Tensor logits;    // [tokens × ⌈vocabulary/t⌉]
    Tensor max;       // [tokens]: the largest logit of all ranks
    Tensor exp_sums;  // [tokens]: Σ exp(logit - max) over all ranks
    Tensor targets;   // i32 [tokens]
    auto parts() const { return std::tie(logits, max, exp_sums, targets); }
  };

  /// logits: [tokens × ⌈vocabulary/t⌉], this rank's columns, which the backward pass overwrites;
  /// targets: i32 [tokens], the same on every rank. Returns -log softmax(logits)[target], [tokens],
  /// the same on every rank; 0, and no gradient, where the target is no_target. Three all-reduces
  /// of [tokens]: the maximum, Σ exp(logit - maximum), and the target's logit.
  Tensor forward(const Tensor& logits, const Tensor& targets, Kept& kept) const;
  /// factor · d(Σ losses)/d(logits): [tokens × ⌈vocabulary/t⌉], zero in padding columns. Takes the
  /// memory of the logits, so `kept` is good for one backward pass. No communication.
  Tensor backward(float factor, Kept& kept) const;

 private:
  Communicator& group_;
  Range part_;
  int64_t valid_;  // columns of this rank that are no padding
};

}  // namespace shard
