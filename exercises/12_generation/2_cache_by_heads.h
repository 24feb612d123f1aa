#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// t divides heads.
struct CachedAttention {
  int64_t heads = 0, head_width = 0;
  int64_t context = 0;  // tokens for which a cache has room
  int64_t width() const { return heads * head_width; }
};

/// Keys and values of one sequence, of this rank's heads rank·heads/t … (rank+1)·heads/t - 1. Row i
/// of a head is that of token i; rows from `seen` on are not used yet and may hold anything.
struct HeadCache {
  Tensor keys, values;  // [heads/t × context × head_width] each
  int64_t seen = 0;     // tokens in it
};

/// A cache without tokens.
HeadCache empty_cache(Communicator& group, const CachedAttention& sizes);

/// qkv [new × 3·width]: Q, K and V (each head after head, all heads) of the next tokens of the
/// sequence whose first cache.seen tokens are in the cache; the same on every rank. Adds this
/// rank's keys and values to the cache, and returns the attention of the new tokens to all tokens
/// up to themselves, for this rank's heads: softmax(q·keysᵀ/√head_width, causal)·values, head after
/// head: [new × width/t]. Throws Error naming both numbers if there are more tokens than the
/// context holds, and leaves the cache as it was.
Tensor attend_cached(Communicator& group, const CachedAttention& sizes, const Tensor& qkv,
                     HeadCache& cache);

}  // namespace shard
