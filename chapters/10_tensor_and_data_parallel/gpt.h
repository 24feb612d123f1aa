// Gpt: GPT-2's model over tensor-parallel ranks: the pieces of chapters 06, 07 and 08 in a row.
//     x = wte[tokens] + wpe[positions];  x = block_l(x) for every l;  logits = norm(x)·wteᵀ;
//     loss = cross entropy
// Radford et al., "Language models are unsupervised multitask learners", 2019.
// A Gpt may also be a stage of the model, one of several in a row: some of the blocks, with or
// without the embedding before them and the head (norm, logits and loss) after them.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "chapters/10_tensor_and_data_parallel/block_rows.h"
#include "chapters/10_tensor_and_data_parallel/language_model.h"

namespace shard {

/// A part of the model.
struct GptStage {
  Range layers;           // its blocks: h.begin … h.end-1
  bool embedding = true;  // whether it begins with the tokens
  bool head = true;       // whether it ends with the losses
};

template <class Block>
class BasicGpt : public LanguageModel {
 public:
  /// Makes block `name` ("h.3") whose projections' deviation is `projection`.
  using MakeBlock =
      std::function<std::unique_ptr<Block>(const std::string& name, float projection)>;

  /// The whole model over the ranks of `tp`. Parameters have GPT-2's names. Init.weight is the
  /// deviation of all matrices (0.02 in GPT-2) but the blocks' projections, which get
  /// 1/√(2·layers) of it.
  BasicGpt(Communicator& tp, GptSizes sizes, const Init& init);
  /// A stage of it. Its parameters start as those of the whole model. The table wte is at both ends
  /// of the model: where they are two stages, both have it, its gradient is a partial sum over the
  /// pipeline's axis "pp" too, and it counts on the stage with the embedding. Throws Error for
  /// layers that the model has not got.
  BasicGpt(Communicator& tp, GptSizes sizes, const Init& init, const GptStage& stage);
  /// The same with blocks of another making, which may have other rows on each rank.
  BasicGpt(Communicator& tp, GptSizes sizes, const Init& init, const GptStage& stage,
           const MakeBlock& make_block, std::shared_ptr<const BlockRows> rows = nullptr);

  struct Kept {
    bool for_backward = true;  // if not, what a block keeps is let go after it
    int64_t batch = 0;
    DropoutMoment moment;
    VocabParallelEmbedding::Kept token_embedding;
    Tensor positions;  // i32, of each row in its sequence: 0, 1, …, context'-1
    std::vector<typename Block::Kept> blocks;
    NormLayer::Kept final_norm;
    Tensor normed;  // [batch·context' × width], before the logits
    VocabParallelCrossEntropy::Kept cross_entropy;
    auto parts() const {
      return std::tie(token_embedding, positions, blocks, final_norm, normed, cross_entropy);
    }
  };

  /// input: tokens i32 [batch·context'] with context' ≤ context, or, where this stage has no
  /// embedding, the output of the stage before, [batch·context' × width]; the same on every rank,
  /// as all that follows. Returns the losses [batch·context'] of the tokens that `targets` (i32)
  /// says should come next; where this stage has no head, its output [batch·context' × width], and
  /// targets may be empty. Where BlockRows cuts the rows, a stage hands on this rank's, and one
  /// without embedding must be told those of all ranks: moment.rows.
  Tensor forward(const Tensor& input, const Tensor& targets, int64_t batch,
                 const DropoutMoment& moment, Kept& kept) const;
  /// Of a stage with a head: adds factor · d(Σ losses)/d(parameter) to the gradients of all
  /// parameters. Returns that derivative for the input; nothing where the input is tokens. What a
  /// layer has kept is let go as soon as its backward pass is over.
  Tensor backward(float factor, Kept& kept);
  /// Of a stage without a head: the same for dy [batch·context' × width], the derivative for its
  /// output.
  Tensor backward(const Tensor& dy, Kept& kept);

  /// forward without targets. A stage with a head returns the logits: [batch·context' ×
  /// ⌈vocabulary/t⌉], this rank's columns.
  Tensor logits(const Tensor& input, int64_t batch, const DropoutMoment& moment, Kept& kept) const;

  // of a whole model, as LanguageModel says
  Tensor losses(const Batch& batch) const override;
  Tensor logits(const Tensor& tokens) const override;
  Tensor forward_backward(const Batch& batch, const DropoutMoment& moment, float factor) override;

  /// In the order of the forward pass; a stage with a head alone has wte first.
  Parameters parameters() override;
  const GptSizes& sizes() const override { return sizes_; }
  const GptStage& stage() const { return stage_; }
  /// This rank's rows of x in the blocks, and so of what one stage hands to the next.
  RowMap own_rows(const RowMap& all) const { return rows_->own(all); }

  std::optional<VocabParallelEmbedding> token_embedding;  // its table is the output projection, too
  std::optional<Parameter> position_embedding;            // [context × width], replicated
  std::vector<std::unique_ptr<Block>> blocks;
  std::optional<NormLayer> final_norm;
  std::optional<VocabParallelCrossEntropy> cross_entropy;

 private:
  Tensor embed(const Tensor& tokens, Kept& kept) const;
  Tensor backward_of_head(float factor, Kept& kept);
  Tensor backward_of_blocks(Tensor dx, Kept& kept);
  const Tensor& shown(const std::string& name, const Tensor& x) const {
    if (on_activation) on_activation(name, x);
    return x;
  }

  Communicator& tp_;
  GptSizes sizes_;
  GptStage stage_;
  std::shared_ptr<const BlockRows> rows_;
};

using Gpt = BasicGpt<TransformerBlock>;

}  // namespace shard
