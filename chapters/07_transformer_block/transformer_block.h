// TransformerBlock: the pre-norm block of GPT-2 over tensor-parallel ranks.
//     u = x + dropout(attention(norm₁(x)));  y = u + dropout(mlp(norm₂(u)))
// Norms, residuals and these dropouts are replicated: every rank computes them on whole rows, with
// the same masks. Attention and MLP are sharded. Between the two worlds stand Megatron's f
// (identity forward, all-reduce backward: inside ColumnParallelLinear) and g (all-reduce forward,
// identity backward: inside RowParallelLinear).
#pragma once
#include "chapters/05_parallel_mlp/parallel_mlp.h"
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "common/tensor/ops.h"

namespace shard {

/// Layer norm with its parameters: gain and bias [width], replicated.
class NormLayer {
 public:
  NormLayer(Backend& backend, const std::string& name, int64_t width, const Init& init);
  Tensor forward(const Tensor& x);  // [tokens × width]
  Tensor backward(
      const Tensor& dy);  // adds to the gradients of gain and bias: the same numbers on every rank
  Parameters parameters() { return {&gain_, &bias_}; }

 private:
  Parameter gain_, bias_;
  Tensor x_;
  LayerNorm normed_;
};

struct BlockSizes {
  int64_t width = 0, heads = 0, hidden = 0;
};

/// What dropout needs to know of the moment: nothing of the rank. `pass` is the step, the same for
/// all its micro-batches, which first_sequence tells apart.
struct DropoutMoment {
  float probability = 0;
  uint64_t seed = 0, pass = 0;
  int64_t first_sequence = 0;  // of this batch in the whole (global) batch
};

class TransformerBlock {
 public:
  /// `name` is "h.0", "h.1", …; `projection` is the deviation of the two projections' matrices.
  TransformerBlock(Communicator& group, const std::string& name, BlockSizes sizes, const Init& init,
                   float projection);

  /// x: [batch·context × width], the same on every rank → the same shape, the same on every rank.
  /// Two all-reduces.
  Tensor forward(const Tensor& x, int64_t batch, const DropoutMoment& moment = {});
  Tensor backward(const Tensor& dy);  // two all-reduces

  /// x: [tokens × width], the next tokens of the sequence in `cache`. Two all-reduces. No dropout,
  /// no backward.
  Tensor forward_next(const Tensor& x, KeyValueCache& cache);
  KeyValueCache make_cache(int64_t context) const { return attention_.make_cache(context); }

  Parameters parameters();

 private:
  Tensor with_dropout(const Tensor& x, const char* place) const;

  std::string name_;
  NormLayer norm_1_;
  ParallelAttention attention_;
  NormLayer norm_2_;
  ParallelMlp mlp_;
  DropoutMoment moment_;
  int64_t batch_ = 0;
};

}  // namespace shard
