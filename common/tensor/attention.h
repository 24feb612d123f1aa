// Attention as one operation with an explicit pair (output, log-sum-exp). Chapter 06 writes the
// same out step by step, from Q·Kᵀ to P·V. With the pair, results over different ranges of keys can
// be merged in any order, and gradients of those ranges add up (Milakov and Gimelshein,
// arXiv:1805.02867; Dao et al., arXiv:2205.14135, algorithms 1 and 4; Liu et al.,
// arXiv:2310.01889). Nothing of the size queries × keys is kept.
#pragma once
#include "common/tensor/attention_settings.h"
#include "common/tensor/heads.h"

namespace shard {

/// What attention returns, in the form of q: a tensor [batch·heads × queries × head_width], or for
/// heads in columns [batch·queries × heads·head_width].
struct AttentionResult {
  Tensor output;       // of q's type. For a query that sees no key: zeros
  Tensor log_sum_exp;  // [batch·heads × queries], f32: log Σ exp(scores), before dropout; then -∞

  /// The output, head by head.
  Heads heads() const;
};

/// softmax(scale · q·kᵀ)·v, each row over the keys that its query sees, probabilities with dropout.
/// q [batch·heads × queries × head_width]; k and v [batch·heads × keys × head_width].
AttentionResult attention(const Heads& q, const Heads& k, const Heads& v,
                          const AttentionSettings& settings);

/// into ← the result over the keys of both. Shapes are equal; into.output may be f32 where
/// part.output is bf16, so that a sum over many parts is rounded once.
void merge(AttentionResult& into, const AttentionResult& part);

/// The part of these queries and keys in the gradients of q, k and v, written to dq, dk and dv,
/// for dout of q's shape and type. `whole` is the result over all keys, merged if there are several
/// parts, with the output in q's type: parts add up then. With p = exp(scale·q·kᵀ - log_sum_exp), m
/// the dropout's factors, dp = m ∘ dout·vᵀ: ds = scale · p ∘ (dp - Σ dout ∘ output), sums over the
/// row; dq = ds·k, dk = dsᵀ·q, dv = (m ∘ p)ᵀ·dout.
void attention_backward(const Heads& dq, const Heads& dk, const Heads& dv, const Heads& dout,
                        const Heads& q, const Heads& k, const Heads& v,
                        const AttentionResult& whole, const AttentionSettings& settings);

/// The same, as new tensors.
struct AttentionGradients {
  Tensor dq;      // [batch·heads × queries × head_width], of q's type
  Tensor dk, dv;  // [batch·heads × keys × head_width], likewise
};
AttentionGradients attention_backward(const Heads& dout, const Heads& q, const Heads& k,
                                      const Heads& v, const AttentionResult& whole,
                                      const AttentionSettings& settings);

}  // namespace shard
