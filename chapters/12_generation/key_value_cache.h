// KeyValueCache: the keys and values of a text's tokens, kept while the text is written.
//     new rows of Q, K and V;  keys = [keys K], values = [values V];
//     head h: softmax(Q_h·keys_hᵀ/√d, causal)·values_h
// A token attends only to earlier ones, so their keys and values do not change when it is added:
// it costs one row of every product. The cache is cut by heads, as attention is (chapter 06), so it
// needs no communication of its own. Shazeer, arXiv:1911.02150, section 2.4; Pope et al.,
// arXiv:2211.05102, section 3.3.
// Several sequences share the products, whose weights are read once for all of them. Only attention
// takes each with its own cache, so they may have different lengths (Yu et al., "Orca", OSDI 2022).
#pragma once
#include <span>
#include <vector>

#include "chapters/10_tensor_and_data_parallel/gpt.h"

namespace shard {

/// What later tokens of one sequence need of the earlier ones in one block, of this rank's heads.
struct KeyValueCache {
  Tensor keys, values;  // [heads/t × room × head_width] each
  int64_t seen = 0;     // tokens in it
};

/// An empty cache for a sequence of up to `room` tokens.
KeyValueCache make_cache(const ParallelAttention& attention, int64_t room);

/// The rows of x that are the next tokens of one sequence, whose earlier ones are in `cache`.
struct NextRows {
  Range rows;
  KeyValueCache* cache;
};

/// x: [new × width], the next tokens of one sequence or of several, those of each as `parts` says;
/// adds them to the caches. Returns the rows that attention.forward of the whole sequences would
/// have for them: [new × width], the same on every rank. Throws Error when a cache is too small,
/// before it changes any. One all-reduce.
Tensor forward_next(const ParallelAttention& attention, const Tensor& x,
                    std::span<const NextRows> parts);

/// The same of a whole block. Two all-reduces. No dropout.
Tensor forward_next(const TransformerBlock& block, const Tensor& x,
                    std::span<const NextRows> parts);

/// A whole model with caches for some sequences: 0, 1, ….
class CachedGpt {
 public:
  /// Each sequence may have up to `room` tokens, at most the model's context. `model` must outlive
  /// it. Throws Error for a stage of a model.
  CachedGpt(const Gpt& model, size_t sequences, int64_t room);

  struct NextTokens {
    size_t sequence;
    std::span<const int32_t> tokens;  // at least one
  };
  /// The logits after the last of the tokens of each part, a row for each: [parts ×
  /// ⌈vocabulary/t⌉], this rank's columns. Throws Error for more tokens than there is room for.
  Tensor next_logits(std::span<const NextTokens> parts);

  int64_t seen(size_t sequence) const { return seen_[sequence]; }  // its tokens so far
  void forget(size_t sequence);                                    // begins another in its place

 private:
  const Gpt& model_;
  int64_t room_;
  std::vector<std::vector<KeyValueCache>> caches_;  // of each block, for each sequence
  std::vector<int64_t> seen_;
};

}  // namespace shard
