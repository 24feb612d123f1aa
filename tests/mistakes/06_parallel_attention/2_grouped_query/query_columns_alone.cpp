// expect: your gradients.weight (1 KV head) is the right gradients.weight (1 KV head) minus 1 × Xᵀ·[dK dV]: it is missing
#include "common/tensor/ops.h"
#include "exercises/06_parallel_attention/2_grouped_query.h"

namespace shard {

int64_t kv_head_of(const GroupedQuery& sizes, int64_t head) {
  return head / (sizes.heads / sizes.kv_heads);
}

std::vector<Range> grouped_query_columns(const GroupedQuery& sizes, int ranks, int rank) {
  const Range heads = part_of(sizes.heads, ranks, rank);
  const Range kv{kv_head_of(sizes, heads.begin), kv_head_of(sizes, heads.end - 1) + 1};
  const auto columns = [&](int64_t first, Range range) {
    return Range{first + range.begin * sizes.head_width, first + range.end * sizes.head_width};
  };
  return {columns(0, heads), columns(sizes.width(), kv),
          columns(sizes.width() + sizes.kv_width(), kv)};
}

std::unique_ptr<Communicator> sharing_group(Communicator& group, const GroupedQuery& sizes) {
  const int64_t first_head = part_of(sizes.heads, group.size(), group.rank()).begin;
  return group.split(static_cast<int>(kv_head_of(sizes, first_head)), "kv");
}

Tensor grouped_qkv_backward(Communicator& group, Communicator& sharing, const GroupedQuery& sizes,
                            const Tensor& x, const GroupedQkvPart& qkv, const Tensor& dqkv,
                            GroupedQkvPart& gradients) {
  const Tensor dx = group.all_reduce(PartialSum(matmul(dqkv, transposed(qkv.weight))));
  const int64_t q = sizes.width() / group.size();
  Tensor d = dqkv.clone();
  set_columns(d, q, sharing.all_reduce(PartialSum(columns_of(dqkv, {q, dqkv.columns()}))));
  Tensor of_queries = columns_of(gradients.weight, {0, q});
  add_matmul(of_queries, transposed(x), columns_of(d, {0, q}));
  set_columns(gradients.weight, 0, of_queries);
  add_column_sums(gradients.bias, d);
  return dx;
}

}  // namespace shard
