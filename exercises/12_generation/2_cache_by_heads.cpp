// Exercise 12.2: a key-value cache that is cut by heads.
//
// Write it from the sizes alone, before you look at key_value_cache.cpp. A prompt brings several
// new tokens at once, then each token comes alone. Both are one case: `new` queries, seen + new
// keys.
//
//     4 tokens seen, 3 new         keys  0 1 2 3 4 5 6
//                        query 4         x x x x x . .
//                        query 5         x x x x x x .
//                        query 6         x x x x x x x
//
// Write: an empty cache, and a step of attention that uses it and adds to it. About 22 lines.
// Shapes: qkv [new × 3·width], all heads, in chapter 06's order → [new × width/t]; the cache
//         [heads/t × context × head_width].
// Ledger: nothing. What a rank needs of earlier tokens, it has kept itself.
#include "exercises/12_generation/2_cache_by_heads.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

HeadCache empty_cache(Communicator& group, const CachedAttention& sizes) { todo("empty_cache"); }

Tensor attend_cached(Communicator& group, const CachedAttention& sizes, const Tensor& qkv,
                     HeadCache& cache) {
  todo("attend_cached");
}

}  // namespace shard
