// TransformerBlock: the pre-norm block of GPT-2 over tensor-parallel ranks.
//     u = x + dropout(attention(norm₁(x)));  y = u + dropout(mlp(norm₂(u)))
// Norms, residuals and these dropouts are replicated: every rank computes them on whole rows, with
// the same masks. Attention and MLP are sharded. Megatron's operators connect the two: f (identity
// forward, all-reduce backward: inside ColumnParallelLinear) and g (all-reduce forward, identity
// backward: inside RowParallelLinear).
#pragma once
#include <concepts>

#include "chapters/05_parallel_mlp/fused_mlp.h"
#include "chapters/06_parallel_attention/fused_attention.h"
#include "common/base/row_map.h"
#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

/// Layer norm with its parameters: gain and bias [width], replicated.
class NormLayer {
 public:
  /// `counts` is for both parameters: true on one of the ranks that hold them.
  NormLayer(Backend& backend, const std::string& name, int64_t width, const Init& init,
            bool counts = true);

  struct Kept {
    Tensor x;          // [tokens × width]
    LayerNorm normed;  // without y, which is for the next layer only
    auto parts() const { return std::tie(x, normed.mean, normed.inverse_deviation); }
  };
  /// [tokens × width] → [tokens × width].
  Tensor forward(const Tensor& x, Kept& kept) const;
  /// Adds to the gradients of gain and bias: the same numbers on every rank.
  Tensor backward(const Tensor& dy, const Kept& kept);

  struct Sum {
    Tensor u, normed;  // [tokens × width]
  };
  /// u = x + z, where a residual connection ends, and normed = forward(u, kept): in one pass. With
  /// a bias of z, u = x + (z + z_bias).
  Sum add_forward(const Tensor& x, const Tensor& z, Kept& kept,
                  const Parameter* z_bias = nullptr) const;
  /// backward(dy, kept) + dresidual, the gradient that came past the norm: in one pass, which adds
  /// the gradient of z_bias, too.
  Tensor backward_add(const Tensor& dy, const Tensor& dresidual, const Kept& kept,
                      Parameter* z_bias = nullptr);

  Parameters parameters() { return {&gain, &bias}; }
  Parameter gain, bias;
};

struct BlockSizes {
  int64_t width = 0, heads = 0, hidden = 0;
};

/// What dropout needs to know of the moment: the place in the whole (global) batch, but nothing of
/// the rank. `pass` is the step, the same for all its micro-batches, which first_sequence tells
/// apart.
struct DropoutMoment {
  float probability = 0;
  uint64_t seed = 0, pass = 0;
  int64_t first_sequence = 0;  // of this batch in the whole batch
  RowMap rows = {};            // the rows of x there, where they are not whole sequences

  /// The rows of x [count × width], which belongs to `batch` sequences.
  RowMap rows_of(int64_t batch, int64_t count) const {
    if (rows.is_known()) return rows;
    return RowMap::of_sequences({first_sequence, first_sequence + batch}, count / batch);
  }

  /// The random numbers of one place in the model: "h.0.mlp".
  RandomStream stream_at(const std::string& place) const { return {seed, stream_of(place, pass)}; }
};

/// x [batch·context × width], or some of these rows, with the dropout of `place`. Which elements
/// are dropped depends on their rows in the global batch only. The same call on dY is the backward
/// pass.
Tensor dropout_of_rows(const Tensor& x, int64_t batch, const DropoutMoment& moment,
                       const std::string& place);

/// Whether an attention or an MLP can leave its last bias, which is added after the sum over ranks,
/// to the pass that adds its result to the residual connection. A class derived from such a layer
/// has passes of its own, and cannot unless it says so itself.
template <class Layer>
concept LeavesBias = std::same_as<typename Layer::LeavesLastBias, Layer>;

/// half.forward(x, arguments …, kept); of a half that must know which rows of the batch x has,
/// half.forward(x, rows, kept, arguments …).
template <class Half, class... Arguments>
Tensor forward_of(const Half& half, const Tensor& x, const RowMap& rows, typename Half::Kept& kept,
                  const Arguments&... arguments) {
  if constexpr (requires { half.forward(x, rows, kept, arguments...); })
    return half.forward(x, rows, kept, arguments...);
  else
    return half.forward(x, arguments..., kept);
}

/// The block around any attention and any MLP that have the interfaces of ParallelAttention and of
/// ParallelMlp: forward, backward, parameters and Kept.
template <class Attention, class Mlp>
class BasicBlock {
 public:
  /// `name` is "h.0", "h.1", …. attention_of(name + ".attn") and mlp_of(name + ".mlp") make the two
  /// halves.
  template <class AttentionOf, class MlpOf>
  requires std::is_invocable_r_v<Attention, AttentionOf, std::string> BasicBlock(
      Communicator& group, const std::string& the_name, int64_t width, const Init& init,
      const AttentionOf& attention_of, const MlpOf& mlp_of)
      : name(the_name),
        norm_1(group.backend(), name + ".ln_1", width, init, group.rank() == 0),
        attention(attention_of(name + ".attn")),
        norm_2(group.backend(), name + ".ln_2", width, init, group.rank() == 0),
        mlp(mlp_of(name + ".mlp")) {}

  /// The same with the halves' usual constructors; `projection` is the deviation of the two
  /// projections' matrices.
  BasicBlock(Communicator& group, const std::string& the_name, BlockSizes sizes, const Init& init,
             float projection)
      : BasicBlock(
            group, the_name, sizes.width, init,
            [&](const std::string& place) {
              return Attention(group, place, sizes.width, sizes.heads, init, projection);
            },
            [&](const std::string& place) {
              return Mlp(group, place, sizes.width, sizes.hidden, init, projection);
            }) {}

  struct Kept {
    int64_t batch = 0;
    DropoutMoment moment;
    NormLayer::Kept norm_1, norm_2;
    typename Attention::Kept attention;
    typename Mlp::Kept mlp;
    auto parts() const { return std::tie(norm_1, attention, norm_2, mlp); }
  };

  //! [07-block]
  /// x: [batch·context × width], the same on every rank → the same shape, the same on every rank.
  /// Two all-reduces.
  Tensor forward(const Tensor& x, int64_t batch, const DropoutMoment& moment, Kept& kept) const {
    TraceRange range(TraceRow::compute, "block forward", name);
    const auto [u, normed] = up_to_mlp(x, batch, moment, kept);  // one all-reduce
    const Branch transformed = transform(normed, kept);          // one all-reduce
    return transformed.bias != nullptr ? add(u, transformed.z, *transformed.bias->use())
                                       : add(u, transformed.z);
  }

  /// The first line of the formula, and the norm of the second: u and norm₂(u). One all-reduce.
  NormLayer::Sum up_to_mlp(const Tensor& x, int64_t batch, const DropoutMoment& moment,
                           Kept& kept) const {
    kept.batch = batch;
    kept.moment = moment;
    const Branch attended = attend(norm_1.forward(x, kept.norm_1), kept);  // one all-reduce
    // u = x + dropout(attended), normed = norm₂(u)
    return norm_2.add_forward(x, attended.z, kept.norm_2, attended.bias);
  }

  /// dy and dX: [batch·context × width], the same on every rank. Two all-reduces.
  Tensor backward(const Tensor& dy, const Kept& kept) {
    TraceRange range(TraceRow::compute, "block backward", name);
    const Tensor dnormed = mlp.backward(drop(dy, kept, ".mlp"), kept.mlp);  // one all-reduce
    // dy and du are the residuals' shares
    if constexpr (LeavesBias<Attention>) {
      if (kept.moment.probability == 0.0f) {
        const Tensor du = norm_2.backward_add(dnormed, dy, kept.norm_2, &attention.last().bias);
        return norm_1.backward_add(  // one all-reduce
            attention.backward_without_bias(du, kept.attention), du, kept.norm_1);
      }
    }
    const Tensor du = norm_2.backward_add(dnormed, dy, kept.norm_2);
    return norm_1.backward_add(  // one all-reduce
        attention.backward(drop(du, kept, ".attn"), kept.attention), du, kept.norm_1);
  }
  //! [07-block]

  Parameters parameters() {
    Parameters all = norm_1.parameters();
    append(all, attention.parameters());
    append(all, norm_2.parameters());
    append(all, mlp.parameters());
    return all;
  }

  const std::string name;
  NormLayer norm_1;
  Attention attention;
  NormLayer norm_2;
  Mlp mlp;

 private:
  /// What a residual connection adds: dropout(z + bias). Without dropout the bias may be left to
  /// the pass that adds z; otherwise it is null, and z is complete.
  struct Branch {
    Tensor z;  // [tokens × width]
    const Parameter* bias = nullptr;
  };

  Branch attend(const Tensor& x, Kept& kept) const {
    const AttentionDropout inside{kept.moment.probability,
                                  kept.moment.stream_at(name + ".attn.probabilities"),
                                  kept.moment.first_sequence};
    if constexpr (LeavesBias<Attention>) {
      if (inside.probability == 0.0f)
        return {attention.forward_without_bias(x, kept.batch, inside, kept.attention),
                &attention.last().bias};
    }
    return {drop(forward_of(attention, x, kept.moment.rows, kept.attention, kept.batch, inside),
                 kept, ".attn")};
  }

  Branch transform(const Tensor& x, Kept& kept) const {
    if constexpr (LeavesBias<Mlp>) {
      if (kept.moment.probability == 0.0f)
        return {mlp.forward_without_bias(x, kept.mlp), &mlp.last().bias};
    }
    return {drop(forward_of(mlp, x, kept.moment.rows, kept.mlp), kept, ".mlp")};
  }

  Tensor drop(const Tensor& x, const Kept& kept, const char* place) const {
    return dropout_of_rows(x, kept.batch, kept.moment, name + place);
  }
};

using TransformerBlock = BasicBlock<FusedAttention, FusedMlp>;
extern template class BasicBlock<FusedAttention, FusedMlp>;

}  // namespace shard
