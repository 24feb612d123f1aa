// The attention layer around exercise 06.2: that of chapter 06, with several query heads for each
// KV head. It is given; you do not have to change it.
#pragma once
#include <cmath>

#include "chapters/03_row_parallel_gemm/row_parallel_linear.h"
#include "common/tensor/ops.h"
#include "common/tensor/parameter.h"
#include "exercises/06_parallel_attention/2_grouped_query.h"

namespace shard {

class GroupedQueryAttention {
 public:
  GroupedQueryAttention(Communicator& group, const std::string& name, const GroupedQuery& sizes,
                        const Init& init)
      : group_(group),
        sizes_(sizes),
        sharing_(sharing_group(group, sizes)),
        weight_(group.backend(), name + ".c_attn.weight",
                Shard::of_columns({sizes.width(), fused_width()}, columns()), init.seed,
                init.weight),
        bias_(group.backend(), name + ".c_attn.bias", Shard::of_columns({fused_width()}, columns()),
              init.seed, init.vector),
        projection_(group, name + ".c_proj", sizes.width(), sizes.width(), init) {}

  // x: [batch·context × width], the same on every rank
  Tensor forward(const Tensor& x, int64_t batch) {
    x_ = x;
    batch_ = batch;
    Tensor qkv = matmul(x, weight_.value);  // [tokens × n]: Q_i K_i V_i
    add_bias(qkv, bias_.value);
    // [batch·heads/t × context × head_width]
    q_ = split_heads(qkv, 0, batch, local_heads(), sizes_.head_width);
    k_ = split_heads(repeated(qkv, k_begin()), 0, batch, local_heads(), sizes_.head_width);
    v_ = split_heads(repeated(qkv, v_begin()), 0, batch, local_heads(), sizes_.head_width);
    probabilities_ = matmul(q_, transposed(k_));
    causal_softmax(probabilities_, scale());
    Tensor heads(x.backend(), {x.rows(), k_begin()});  // [tokens × width/t]
    merge_heads(heads, 0, matmul(probabilities_, v_));
    return projection_.forward(heads, kept_);
  }

  Tensor backward(const Tensor& dz) {  // dz: [batch·context × width], the same on every rank
    const Tensor dheads =
        split_heads(projection_.backward(dz, kept_), 0, batch_, local_heads(), sizes_.head_width);
    Tensor dscores = matmul(dheads, transposed(v_));
    causal_softmax_backward(dscores, probabilities_, scale());
    Tensor dqkv(dz.backend(), {dz.rows(), weight_.value.columns()});
    merge_heads(dqkv, 0, matmul(dscores, k_));
    set_summed(dqkv, k_begin(), matmul(transposed(dscores), q_));
    set_summed(dqkv, v_begin(), matmul(transposed(probabilities_), dheads));
    GroupedQkvPart gradients{weight_.gradient, bias_.gradient};
    const Tensor dx = grouped_qkv_backward(group_, *sharing_, sizes_, x_,
                                           {weight_.value, bias_.value}, dqkv, gradients);
    weight_.gradient = gradients.weight;
    bias_.gradient = gradients.bias;
    return dx;
  }

  Parameters parameters() {
    Parameters all{&weight_, &bias_};
    append(all, projection_.parameters());
    return all;
  }

 private:
  int64_t fused_width() const { return sizes_.width() + 2 * sizes_.kv_width(); }
  std::vector<Range> columns() const {
    return grouped_query_columns(sizes_, group_.size(), group_.rank());
  }
  int64_t local_heads() const { return sizes_.heads / group_.size(); }
  int64_t k_begin() const {
    return sizes_.width() / group_.size();
  }  // in Q_i K_i V_i: Q_i is width/t wide
  int64_t v_begin() const { return (weight_.value.columns() + k_begin()) / 2; }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(sizes_.head_width)); }

  /// The first of this rank's columns of K (or V) that its query head `local` uses.
  int64_t column_of(int64_t local) const {
    const int64_t first = group_.rank() * local_heads();
    return (kv_head_of(sizes_, first + local) - kv_head_of(sizes_, first)) * sizes_.head_width;
  }
  /// K (or V), whose columns begin at `first`, repeated for each query head: [tokens × width/t].
  Tensor repeated(const Tensor& qkv, int64_t first) const {
    Tensor all(qkv.backend(), {qkv.rows(), k_begin()});
    for (int64_t head = 0; head < local_heads(); ++head) {
      const int64_t begin = first + column_of(head);
      set_columns(all, head * sizes_.head_width,
                  columns_of(qkv, {begin, begin + sizes_.head_width}));
    }
    return all;
  }
  /// Writes the gradient of K (or V) to dqkv, from column `first` on: for each KV head, the sum
  /// over this rank's query heads that use it.
  void set_summed(Tensor& dqkv, int64_t first, const Tensor& of_query_heads) const {
    Tensor each(dqkv.backend(), {dqkv.rows(), k_begin()});
    merge_heads(each, 0, of_query_heads);
    set_columns(dqkv, first, Tensor::zeros(dqkv.backend(), {dqkv.rows(), v_begin() - k_begin()}));
    for (int64_t head = 0; head < local_heads(); ++head) {
      const Range target{first + column_of(head), first + column_of(head) + sizes_.head_width};
      Tensor sum = columns_of(dqkv, target);
      accumulate(sum, columns_of(each, {head * sizes_.head_width, (head + 1) * sizes_.head_width}));
      set_columns(dqkv, target.begin, sum);
    }
  }

  Communicator& group_;
  GroupedQuery sizes_;
  std::unique_ptr<Communicator> sharing_;
  Parameter weight_, bias_;  // [width × n], [n]
  RowParallelLinear projection_;
  RowParallelLinear::Kept kept_;
  int64_t batch_ = 0;
  Tensor x_, q_, k_, v_, probabilities_;  // kept for the backward pass
};

}  // namespace shard
