// ParallelAttention: causal multi-head self-attention with its heads divided among the ranks.
//     [Q K V] = X·A + b;  head h: softmax(Q_h·K_hᵀ/√d, causal)·V_h;  Z = [head₁ … head_n]·B + c
// Heads are independent of each other, so each rank computes its own from complete columns of Q, K
// and V (column-parallel), and multiplies them by its rows of B (row-parallel). Shoeybi et al.,
// arXiv:1909.08053, section 3, figure 3b.
#pragma once
#include "chapters/03_row_parallel_gemm/row_parallel_linear.h"
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"
#include "common/base/random.h"

namespace shard {

/// The columns of the fused matrix [Q K V] (each `width` wide, head after head) that rank `rank` of
/// `ranks` needs: its heads' columns of Q, then of K, then of V. Three ranges: one range would give
/// it heads of Q alone. Throws UsageError when the heads cannot be divided evenly.
std::vector<Range> qkv_columns(int64_t width, int64_t heads, int ranks, int rank);

/// Where dropout on the attention probabilities draws from; a probability of 0 means none.
/// `first_sequence` is the number of this batch's first sequence in the whole (global) batch.
struct AttentionDropout {
  float probability = 0;
  RandomStream random;
  int64_t first_sequence = 0;
};

class ParallelAttention {
 public:
  /// Parameters `name`.c_attn.* and `name`.c_proj.*, as in GPT-2; `projection` is the deviation of
  /// c_proj's matrix. Throws UsageError when width is not divisible by heads, or heads by the
  /// group's size.
  ParallelAttention(Communicator& group, const std::string& name, int64_t width, int64_t heads,
                    const Init& init, float projection);

  struct Kept {
    int64_t batch = 0;
    AttentionDropout dropout;
    ColumnParallelLinear::Kept qkv;
    Tensor q, k, v;                 // [batch·heads/t × context × head_width] each
    Tensor probabilities, dropped;  // [batch·heads/t × context × context], without and with dropout
    RowParallelLinear::Kept projection;
    auto parts() const { return std::tie(qkv, q, k, v, probabilities, dropped, projection); }
  };

  /// x: [batch·context × width], the same on every rank → the same shape, the same on every rank.
  /// One all-reduce.
  Tensor forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout, Kept& kept) const;
  /// dz and dX: [batch·context × width], the same on every rank. One all-reduce.
  Tensor backward(const Tensor& dz, const Kept& kept);

  Parameters parameters();
  ColumnParallelLinear& first() { return qkv; }
  RowParallelLinear& last() { return projection; }
  const RowParallelLinear& last() const { return projection; }

  int64_t local_heads() const { return local_heads_; }  // of this rank
  int64_t head_width() const { return head_width_; }

  ColumnParallelLinear qkv;      // c_attn: of this rank's heads the columns of Q, then of K and V
  RowParallelLinear projection;  // c_proj

 protected:
  /// kept.probabilities and kept.dropped from kept.q, kept.k and kept.dropout.
  void compute_probabilities(Kept& kept) const;

  Communicator& group_;
  int64_t heads_, local_heads_, head_width_;

 private:
  /// x [batch·heads/t × context × context] with the dropout of a forward pass: the mask is a
  /// function of the element's index in the whole batch and of all heads, so it is the same for
  /// every number of ranks.
  Tensor with_dropout(const Tensor& x, const Kept& kept) const;
};

}  // namespace shard
