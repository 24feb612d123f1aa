// SequenceParallel: tensor parallelism whose ranks share the rows, too, wherever they do not share
// the columns. All-reduce is reduce-scatter, then all-gather; norm, dropout and residual move in
// between, where a rank has 1/t of the rows.
//     all rows ─ attention or MLP, sharded ─ ḡ: reduce-scatter ─ own rows: dropout, residual, norm
//                                                                  ─ g: all-gather ─ all rows ─ …
// Korthikanti et al., "Reducing activation recomputation in large transformer models",
// arXiv:2205.05198, section 4.2.2. Rows are cut by part_of, wherever a sequence begins.
#pragma once
#include <optional>

#include "chapters/07_transformer_block/transformer_block.h"
#include "chapters/10_tensor_and_data_parallel/gpt.h"

namespace shard {

/// What a rank keeps of the gathered input of a sharded layer, for the gradient of its weight.
enum class Gathered {
  again,  // its own rows: they are gathered again in the backward pass
  kept,   // all rows
};

/// As forward_of (chapter 07), of partial_forward. `rows` are a part of the rows that x has.
template <class Half, class... Arguments>
PartialSum partial_forward_of(const Half& half, const Tensor& x, const RowMap& rows,
                              typename Half::Kept& kept, const Arguments&... arguments) {
  if constexpr (requires { half.partial_forward(x, rows, kept, arguments...); })
    return half.partial_forward(x, rows, kept, arguments...);
  else
    return half.partial_forward(x, arguments..., kept);
}

/// An attention or an MLP between g and ḡ, where it has all rows; outside a rank has its own. Half
/// is FusedAttention, FusedMlp, or one with their interface.
template <class Half>
class SequenceParallel {
 public:
  /// Half(group, arguments …).
  template <class... Arguments>
  SequenceParallel(Gathered gathered, Communicator& group, const Arguments&... arguments)
      : half(group, arguments...), group_(group), gathered_(gathered) {
    half.last().bias.partial_over = {"dp", "tp"};  // it is added to a rank's own rows
  }

  struct Kept {
    std::vector<int64_t> rows;  // of each rank
    bool all = false;           // whether x has all rows
    Tensor x;                   // [rows/t × width], or [rows × width]
    typename Half::Kept half;
    auto parts() const { return std::tie(x, half); }
  };

  //! [13-half]
  /// x: this rank's rows [rows/t × width], and `rows` which these are → the same shape. One
  /// all-gather, one reduce-scatter. `arguments` are those of Half's forward after x.
  template <class... Arguments>
  Tensor forward(const Tensor& x, const RowMap& rows, Kept& kept,
                 const Arguments&... arguments) const {
    const Tensor all = gather(x, rows, kept);
    const PartialSum term = partial_forward_of(half, all, rows, kept.half, arguments...);
    kept.half.first() = {};  // x takes its place
    kept.all = gathered_ == Gathered::kept;
    kept.x = kept.all ? all : x;
    Tensor z = group_.reduce_scatter(term);  // ḡ: [rows/t × width]
    add_bias(z, *half.last().bias.use());    // once, after the sum
    return z;
  }

  /// g: all rows of x [rows × width], from each rank's own. One all-gather.
  Tensor gather(const Tensor& x, const RowMap& rows, Kept& kept) const {
    kept.rows = part_sizes(rows.rows_of_all_parts(), group_.size());
    return group_.all_gather(x, kept.rows);
  }

  /// dz and dX: this rank's rows [rows/t × width]. An all-gather and a reduce-scatter, and
  /// where kept.x has own rows only, one more all-gather.
  Tensor backward(const Tensor& dz, const Kept& kept) {
    Parameter& bias = half.last().bias;
    Pending all_dz = group_.start_all_gather(dz, kept.rows);  // back through ḡ
    add_column_sums(bias.open_gradient(), dz);                // Σ over own rows, meanwhile
    bias.gradient_is_ready();
    const Tensor all = all_dz.wait();  // [rows × width]
    std::optional<Pending> again;
    if (!kept.all) again.emplace(group_.start_all_gather(kept.x, kept.rows));
    // while x is gathered, dX's term; while that is summed, back through g, the weight's gradient
    const auto [dx_term, dfirst] = half.partial_backward(all, kept.half);
    Pending dx = group_.start_reduce_scatter(dx_term);
    half.first().add_weight_gradient(again ? again->wait() : kept.x, dfirst);
    return dx.wait();
  }
  //! [13-half]

  Parameters parameters() { return half.parameters(); }

  Half half;

 private:
  Communicator& group_;
  Gathered gathered_;
};

/// Chapter 07's block on a rank's own rows. Its norms' gradients are sums over these rows, and so
/// partial over "tp".
template <class Attention, class Mlp>
class SequenceParallelBlock
    : public BasicBlock<SequenceParallel<Attention>, SequenceParallel<Mlp>> {
 public:
  using Base = BasicBlock<SequenceParallel<Attention>, SequenceParallel<Mlp>>;

  /// As BasicBlock's: the functions make a SequenceParallel each.
  template <class AttentionOf, class MlpOf>
  SequenceParallelBlock(Communicator& group, const std::string& block_name, int64_t width,
                        const Init& init, const AttentionOf& attention_of, const MlpOf& mlp_of)
      : Base(group, block_name, width, init, attention_of, mlp_of) {
    for (NormLayer* norm : {&this->norm_1, &this->norm_2}) {
      for (Parameter* parameter : norm->parameters()) parameter->partial_over = {"dp", "tp"};
    }
  }

  /// The same with the halves' usual constructors.
  SequenceParallelBlock(Communicator& group, const std::string& block_name, BlockSizes sizes,
                        const Init& init, float projection, Gathered gathered = Gathered::again)
      : SequenceParallelBlock(
            group, block_name, sizes.width, init,
            [&](const std::string& place) {
              return SequenceParallel<Attention>(gathered, group, place, sizes.width, sizes.heads,
                                                 init, projection);
            },
            [&](const std::string& place) {
              return SequenceParallel<Mlp>(gathered, group, place, sizes.width, sizes.hidden, init,
                                           projection);
            }) {}
};

/// The two ends of the model: the embedding's sum ends in a reduce-scatter, and an all-gather
/// stands before the logits.
class CutRows : public BlockRows {
 public:
  using BlockRows::BlockRows;
  RowMap own(const RowMap& all) const override { return all.part(tp_.size(), tp_.rank()); }
  Pending start_sum(const PartialSum& term) const override {
    return tp_.start_reduce_scatter(term);
  }
  Tensor all_rows(const Tensor& x, const RowMap& own) const override {
    return tp_.all_gather(x, part_sizes(own.rows_of_all_parts(), tp_.size()));
  }
  std::vector<std::string> partial_over() const override { return {"dp", "tp"}; }
};

extern template class BasicGpt<SequenceParallelBlock<FusedAttention, FusedMlp>>;

/// Chapter 10's Gpt, or a stage of it, with sequence parallelism over the ranks of `tp`.
class SequenceParallelGpt : public BasicGpt<SequenceParallelBlock<FusedAttention, FusedMlp>> {
 public:
  using Block = SequenceParallelBlock<FusedAttention, FusedMlp>;
  SequenceParallelGpt(Communicator& tp, GptSizes sizes, const Init& init, const GptStage& stage,
                      Gathered gathered = Gathered::again);
  SequenceParallelGpt(Communicator& tp, GptSizes sizes, const Init& init,
                      Gathered gathered = Gathered::again)
      : SequenceParallelGpt(tp, sizes, init, {.layers = {0, sizes.layers}}, gathered) {}
};

}  // namespace shard
