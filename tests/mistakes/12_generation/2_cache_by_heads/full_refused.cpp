// expect: exercise 12.2, as many tokens as the context holds, t = 3: an exception where none is asked for: the cache has room for 11 tokens, not for 11
#include <cmath>

#include "common/tensor/ops.h"
#include "exercises/12_generation/2_cache_by_heads.h"

namespace shard {

HeadCache empty_cache(Communicator& group, const CachedAttention& sizes) {
  const Shape shape{sizes.heads / group.size(), sizes.context, sizes.head_width};
  return {Tensor(group.backend(), shape), Tensor(group.backend(), shape), 0};
}

/// Writes rows [heads × new × head_width] to all [heads × context × head_width] from row `seen` on.
/// Returns the rows so far.
static Tensor appended(const Tensor& all, int64_t seen, const Tensor& rows) {
  const int64_t heads = rows.shape()[0], count = rows.shape()[1], width = rows.shape()[2];
  Tensor by_head = all.reshape({heads, all.shape()[1] * width});
  set_columns(by_head, seen * width, rows.reshape({heads, count * width}));
  return columns_of(by_head, {0, (seen + count) * width}).reshape({heads, seen + count, width});
}

Tensor attend_cached(Communicator& group, const CachedAttention& sizes, const Tensor& qkv,
                     HeadCache& cache) {
  const int64_t count = qkv.rows(), heads = sizes.heads / group.size();
  require(cache.seen + count < sizes.context, "the cache has room for ", sizes.context,
          " tokens, not for ", cache.seen + count);
  const int64_t first = group.rank() * heads * sizes.head_width;
  const auto part = [&](int64_t matrix) {  // [heads/t × new × head_width]
    return split_heads(qkv, matrix * sizes.width() + first, 1, heads, sizes.head_width);
  };
  const Tensor keys = appended(cache.keys, cache.seen, part(1));
  const Tensor values = appended(cache.values, cache.seen, part(2));
  cache.seen += count;
  Tensor scores = matmul(part(0), transposed(keys));  // [heads/t × new × seen]
  causal_softmax(scores, 1 / std::sqrt(static_cast<float>(sizes.head_width)));
  Tensor out(qkv.backend(), {count, heads * sizes.head_width});
  merge_heads(out, 0, matmul(scores, values));
  return out;
}

}  // namespace shard
