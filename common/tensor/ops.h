// Ops: the operations that layers compute with, on any device. Each checks shapes, types and
// devices, throws Error with both sides of a mismatch, and then calls the tensor's backend. [rows ×
// columns] of a tensor of more than two sizes: all but the last size make the rows. Unless an op
// says "in place" or "adds", its result is a new tensor. Tensors are f32 or, where the device
// computes in it, bf16: then values and gradients of activations, weights and logits are, while
// statistics of rows, losses and what gradients of weights are added to stay f32, as do all sums on
// the way (Micikevicius et al., "Mixed precision training", arXiv:1710.03740).
#pragma once
#include <span>

#include "common/tensor/backend.h"
#include "common/tensor/tensor.h"

namespace shard {

// ---- Copying and adding -------------------------------------------------------------------------

/// to ← from, with the same number of elements; from f32 to bf16 (rounded to the nearest) and back,
/// too.
void copy(Tensor& to, const Tensor& from);
/// x ← value.
void fill(Tensor& x, float value);
/// x in another type, as a new tensor.
Tensor cast(const Tensor& x, DataType type);
/// y ← y + factor · x, of the same shape.
void accumulate(Tensor& y, const Tensor& x, float factor = 1.0f);
/// a + b, of the same shape.
Tensor add(const Tensor& a, const Tensor& b);
/// a + (b + bias): bias [columns] is added to every row.
Tensor add(const Tensor& a, const Tensor& b, const Tensor& bias);
/// x ← factor · x, in place.
void scale(Tensor& x, float factor);
/// Columns `range` of x [rows × columns], copied: [rows × range.size()].
Tensor columns_of(const Tensor& x, Range range);
/// Writes part [rows × n] over the columns first … first+n-1 of y [rows × columns].
void set_columns(Tensor& y, int64_t first, const Tensor& part);

// ---- Matrix products ----------------------------------------------------------------------------

/// The matrix (or every matrix of a batch) transposed, as a factor of a product. Nothing is moved.
inline Operand transposed(const Tensor& matrix) { return {matrix, true}; }
/// The same for a factor that is already one.
inline Operand transposed(const Operand& factor) {
  return {factor.matrix, !factor.transposed, factor.lower};
}
/// A square matrix (or every matrix of a batch) as a factor that is zero above its diagonal:
/// products leave out most of those zeros, when it is the first of their factors.
Operand lower(const Tensor& matrix);
/// A·B. [m × k] · [k × n] → [m × n], or with a batch in front: [b × m × k] · [b × k × n] → [b × m ×
/// n].
Tensor matmul(Operand a, Operand b);
/// The same into C, a tensor or a view of the product's shape, of any content.
void matmul_into(const Tensor& c, Operand a, Operand b);
/// C ← C + A·B: how gradients of matrices accumulate.
void add_matmul(Tensor& c, Operand a, Operand b);

// ---- Layers' elementwise parts ------------------------------------------------------------------

/// y ← y + bias, in place: bias [columns] is added to every row.
void add_bias(Tensor& y, const Tensor& bias);
/// sums ← sums + Σ over rows of x: the gradient of a bias. sums [columns], x [rows × columns].
void add_column_sums(Tensor& sums, const Tensor& x);
/// GeLU (formulas.h) of every element.
Tensor gelu(const Tensor& x);
/// dy · gelu'(x).
Tensor gelu_backward(const Tensor& x, const Tensor& dy);

/// y = gain · (x - mean) / √(variance + ε) + bias, for each row of x [rows × width] (Ba et al.,
/// arXiv:1607.06450).
struct LayerNorm {
  Tensor y;                        // [rows × width]: the result
  Tensor mean, inverse_deviation;  // [rows]: what the backward pass needs
};
/// x [rows × width], gain and bias [width].
LayerNorm layer_norm(const Tensor& x, const Tensor& gain, const Tensor& bias,
                     float epsilon = 1e-5f);
/// The end of a residual connection, and the norm that follows it: u = x + z and the layer norm of
/// u, in one pass.
struct AddLayerNorm {
  Tensor u;          // [rows × width], rounded to x's type: the norm is that of these numbers
  LayerNorm normed;  // of u
};
/// x and z [rows × width], gain and bias [width]. With z_bias [width], u = x + (z + z_bias).
AddLayerNorm add_layer_norm(const Tensor& x, const Tensor& z, const Tensor& gain,
                            const Tensor& bias, const Tensor* z_bias = nullptr,
                            float epsilon = 1e-5f);
/// dX for dY, and adds to dgain and dbias [width]. With n = (x - mean)·inverse_deviation and g =
/// dy·gain: dx = inverse_deviation · (g - mean(g) - n·mean(g·n)), means over the row.
Tensor layer_norm_backward(const Tensor& dy, const Tensor& x, const LayerNorm& forward,
                           const Tensor& gain, Tensor& dgain, Tensor& dbias);
/// The same dX plus dresidual [rows × width], in one pass: the gradient of an x that reaches the
/// result through the norm, and past it through a residual connection, where dresidual comes from.
/// Adds the gradient of z_bias, which is the sum over rows of that dX, to *dz_bias [width].
Tensor layer_norm_backward_add(const Tensor& dy, const Tensor& dresidual, const Tensor& x,
                               const LayerNorm& forward, const Tensor& gain, Tensor& dgain,
                               Tensor& dbias, Tensor* dz_bias = nullptr);

/// Sets each element to zero with the given probability and divides the others by 1 - probability
/// (Srivastava et al., JMLR 15, 2014). The decision for an element depends on `random` and on its
/// index in the whole matrix only: `block` says where x [rows × columns] lies in it. The same call
/// on dY is the backward pass. Probability in [0, 1).
Tensor dropout(const Tensor& x, float probability, RandomStream random, Block block);
/// The same for x [rows × columns] whose rows are `rows` of the whole matrix, one range after the
/// other. Throws Error where they are not as many.
Tensor dropout(const Tensor& x, float probability, RandomStream random,
               std::span<const Range> rows);

// ---- Attention ----------------------------------------------------------------------------------

/// From columns first … first + heads·head_width - 1 of x [batch·context × columns] to [batch·heads
/// × context × head_width]: one matrix for each sequence and head.
Tensor split_heads(const Tensor& x, int64_t first_column, int64_t batch, int64_t heads,
                   int64_t head_width);
/// The inverse: writes heads [batch·heads × context × head_width] to those columns of x.
void merge_heads(Tensor& x, int64_t first_column, const Tensor& heads);
/// Q·Kᵀ on and below the diagonal, which is what a position may see; nothing in particular above
/// it. [batch × context × head_width] twice → [batch × context × context].
Tensor causal_scores(const Tensor& q, const Tensor& k);
/// softmax over what a position may see, zero after it: in place. scores [batch × queries ×
/// context], queries ≤ context: the queries are the last positions of the context, so row i sees
/// columns 0 … context - queries + i of scale·scores.
void causal_softmax(Tensor& scores, float scale);
/// In place, from d(probabilities) to d(scores): scale · p · (dp - Σ p·dp), sums over the row.
/// [batch × context × context].
void causal_softmax_backward(Tensor& dprobabilities, const Tensor& probabilities, float scale);

// ---- Vocabulary (this rank has rows or columns first … first+n-1 of the whole) ------------------

/// As the target of a token: it has no loss, as of padding or of a prompt.
constexpr int32_t no_target = -1;

/// Row ids[i] - first_row of table [n × width], or zeros where ids[i] is not in this part. ids i32
/// → [ids × width].
Tensor gather_rows(const Tensor& table, const Tensor& ids, int64_t first_row);
/// dtable[ids[i] - first_row] += dy[i] for the ids in this part: the gradient of gather_rows.
void add_to_rows(Tensor& dtable, const Tensor& ids, const Tensor& dy, int64_t first_row);
/// Maximum over the first `valid_columns` of each row: [rows]; the lowest float where there are
/// none.
Tensor row_max(const Tensor& x, int64_t valid_columns);
/// Sum over the first `valid_columns` of each row: [rows].
Tensor row_sum(const Tensor& x, int64_t valid_columns);
/// x ← exp(x - max of its row) in place, 0 in those after the first `valid_columns`; returns the
/// sums over rows: [rows].
Tensor exp_and_row_sum(Tensor& x, const Tensor& max, int64_t valid_columns);
/// x[i][columns[i] - first_column], or 0 where that column is not in this part: [rows].
Tensor pick(const Tensor& x, const Tensor& columns, int64_t first_column);
/// log(sum) + max - picked, for each row: -log softmax at the target. All [rows].
Tensor cross_entropy(const Tensor& sums, const Tensor& max, const Tensor& picked);
/// The same, and 0 where `targets` (i32 [rows]) is no_target.
Tensor cross_entropy(const Tensor& sums, const Tensor& max, const Tensor& picked,
                     const Tensor& targets);
/// exps ← factor · (exps / sum - [column is the row's target]) in place: the gradient of the
/// logits.
void cross_entropy_backward(Tensor& exps, const Tensor& sums, const Tensor& targets,
                            int64_t first_column, float factor);
/// row_max and the sums of exp_and_row_sum in one pass over x, which stays as it is. Without valid
/// columns: the lowest float and 0.
ExpSums exp_sums(const Tensor& x, int64_t valid_columns);
/// Σ exp(x - max), from the sums with another maximum subtracted, such as that of one rank's
/// columns: part.sums · exp(part.max - max), [rows].
Tensor rescaled(const ExpSums& part, const Tensor& max);
/// logits ← factor · (exp(logits - max) / sum - [column is the row's target]) in place, 0 in
/// columns after the first `valid_columns` and in rows whose target is no_target: the gradient of
/// the logits, rounded once.
void softmax_minus_targets(Tensor& logits, const ExpSums& of, const Tensor& targets,
                           int64_t first_column, int64_t valid_columns, float factor);

// ---- Training -----------------------------------------------------------------------------------

/// total[0] += Σ x, on the device, so that nothing waits for the host. total [1].
void add_sum(Tensor& total, const Tensor& x);
/// total[0] += Σ x², likewise.
void add_sum_of_squares(Tensor& total, const Tensor& x);
/// The same for each of `all`, in this order, with the same bits: on a GPU in a few launches for
/// all of them.
void add_sum_of_squares(Tensor& total, std::span<const Tensor> all);
/// min(1, limit / (√sum_of_squares + 1e-6)): what gradients are multiplied by to keep their norm
/// within limit; [1]. A limit of 0 means no clipping: 1. NaN where the sum is infinite or NaN.
Tensor clip_factor(const Tensor& sum_of_squares, float limit);
/// x ← 0, for each of `all`, all f32: on a GPU, one launch for many.
void zero(std::span<const Tensor> all);
/// One AdamW step (formulas.h) with gradient_factor[0] · gradient, in place on weight, m and v.
/// Does nothing where the factor is infinite or NaN: so the weights before a bad step can still be
/// looked at.
void adamw(Tensor& weight, Tensor& m, Tensor& v, const Tensor& gradient,
           const Tensor& gradient_factor, const AdamW& hyper);
/// The same for each of `all`, which are written in place: on a GPU, one launch for many.
void adamw(std::span<const TrainedWeight> all, const Tensor& gradient_factor, const AdamW& hyper);

}  // namespace shard
