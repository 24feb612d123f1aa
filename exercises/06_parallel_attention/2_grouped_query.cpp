// Exercise 06.2: grouped-query attention, with fewer KV heads than ranks.
//
// Several query heads share one head of K and V (Ainslie et al., arXiv:2305.13245, section 2.2), so
// that less of K and V must be kept while text is generated. Llama 2 70B has 8 KV heads
// (arXiv:2307.09288, appendix A.2.1). What does each of 16 ranks hold? A KV head is not cut either:
// two ranks each hold a copy, and use it with different query heads.
//
//     4 query heads, 2 KV heads, 4 ranks
//     rank 0: q₀ k₀ v₀    rank 1: q₁ k₀ v₀    rank 2: q₂ k₁ v₁    rank 3: q₃ k₁ v₁
//     └────────── share k₀ v₀ ───────────┘    └────────── share k₁ v₁ ───────────┘
//
// Write: the KV head of a query head; a rank's columns; the group of the ranks that share; and the
//        backward pass through the fused matrix, in which copies must get the same gradient and dX
//        must count no KV head twice. About 17 lines. The layer around them is given:
//        grouped_query_layer.h.
// Shapes: x, dX [tokens × width]; the fused matrix [width × (width + 2·kv_width)]; this rank's part
//         of it [width × n], dqkv [tokens × n], n = width/t + 2·its KV heads·head_width.
// Ledger: backward one all_reduce of tokens × width on `group`, and one of tokens × (n - width/t)
//         on `sharing` (which you may omit if this rank is alone in `sharing`); nothing else.
#include "exercises/06_parallel_attention/2_grouped_query.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

int64_t kv_head_of(const GroupedQuery& sizes, int64_t head) { todo("kv_head_of"); }

std::vector<Range> grouped_query_columns(const GroupedQuery& sizes, int ranks, int rank) {
  todo("grouped_query_columns");
}

std::unique_ptr<Communicator> sharing_group(Communicator& group, const GroupedQuery& sizes) {
  todo("sharing_group");
}

Tensor grouped_qkv_backward(Communicator& group, Communicator& sharing, const GroupedQuery& sizes,
                            const Tensor& x, const GroupedQkvPart& qkv, const Tensor& dqkv,
                            GroupedQkvPart& gradients) {
  todo("grouped_qkv_backward");
}

}  // namespace shard
