// KeyValueCache: the keys and values of a text's tokens, kept while the text is written.
//     new rows of Q, K and V;  keys = [keys K], values = [values V];
//     head h: softmax(Q_h·keys_hᵀ/√d, causal)·values_h
// A token attends only to earlier ones, so their keys and values do not change when it is added:
// it costs one row of every product. The cache is cut by heads, as attention is (chapter 06), so it
// needs no communication of its own. Shazeer, arXiv:1911.02150, section 2.4; Pope et al.,
// arXiv:2211.05102, section 3.3.
#pragma once
#include <vector>

#include "chapters/10_tensor_and_data_parallel/gpt.h"

namespace shard {

/// What later tokens of one sequence need of the earlier ones in one block, of this rank's heads.
struct KeyValueCache {
  Tensor keys, values;  // [heads/t × context × head_width] each
  int64_t seen = 0;     // tokens in it
};

/// An empty cache for a sequence of up to `context` tokens.
KeyValueCache make_cache(const ParallelAttention& attention, int64_t context);

/// x: [new × width], the next tokens of the sequence whose earlier ones are in `cache`; adds them
/// to it. Returns the rows that attention.forward of the whole sequence would have for them:
/// [new × width], the same on every rank. Throws Error when the cache is too small. One all-reduce.
Tensor forward_next(const ParallelAttention& attention, const Tensor& x, KeyValueCache& cache);

/// The same of a whole block. Two all-reduces. No dropout.
Tensor forward_next(const TransformerBlock& block, const Tensor& x, KeyValueCache& cache);

/// A whole model with a cache for each block, for one sequence.
class CachedGpt {
 public:
  /// `model` must outlive it. Throws Error for a stage of a model.
  explicit CachedGpt(const Gpt& model);

  /// The logits after the last of `tokens` (i32 [new]), the next ones of the sequence: [1 ×
  /// ⌈vocabulary/t⌉], this rank's columns. Throws Error when they are more than the context holds.
  Tensor next_logits(const Tensor& tokens);

  int64_t seen() const { return seen_; }  // tokens of the sequence so far
  void forget();                          // begins another sequence

 private:
  const Gpt& model_;
  std::vector<KeyValueCache> caches_;
  int64_t seen_ = 0;
};

}  // namespace shard
