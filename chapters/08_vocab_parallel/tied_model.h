// TiedModel: the smallest language model with one table E at both ends, as in GPT-2.
//     X = GeLU(E[ids]);  logits = X·Eᵀ;  mean of -log softmax(logits)[target]
// E's gradient has two terms: dlogitsᵀ·X from the logits, and the rows of dE[ids] from the
// embedding.
#pragma once
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/tensor/ops.h"

namespace shard::chapter_08 {

struct TiedModel {
  Communicator& group;
  VocabParallelEmbedding embedding;
  VocabParallelCrossEntropy loss;

  TiedModel(Communicator& ranks, int64_t vocabulary, int64_t width, const Init& init)
      : group(ranks), embedding(ranks, "wte", vocabulary, width, init), loss(ranks, vocabulary) {}

  /// Forward and backward: returns the losses [tokens], and adds the gradient of their mean to
  /// embedding.weight's.
  Tensor step(const Tensor& ids, const Tensor& targets) {
    VocabParallelEmbedding::Kept at_embedding;
    VocabParallelCrossEntropy::Kept at_loss;
    Parameter& e = embedding.weight;  // [⌈vocabulary/t⌉ × width]
    const Tensor h = embedding.forward(ids, at_embedding), x = gelu(h);  // [tokens × width]
    const Tensor logits = matmul(x, transposed(*e.use()));               // X·E_iᵀ
    const Tensor losses = loss.forward(logits, targets, at_loss);
    const float mean = 1.0f / static_cast<float>(x.rows());
    const Tensor dlogits = loss.backward(mean, at_loss);    // [tokens × ⌈vocabulary/t⌉]
    add_matmul(e.open_gradient(), transposed(dlogits), x);  // one end: dE_i += dlogits_iᵀ·X
    const Tensor dx = group.all_reduce(PartialSum(matmul(dlogits, *e.use())));  // Σ dlogits_i·E_i
    embedding.backward(gelu_backward(h, dx), at_embedding);                     // the other end
    return losses;
  }
};

}  // namespace shard::chapter_08
