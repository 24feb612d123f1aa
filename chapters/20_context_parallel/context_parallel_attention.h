// ContextParallelAttention: chapter 06's attention on the rows of one context-parallel rank. Its
// heads are cut among the ranks of `tp` as before; its sequences among those of another group. Only
// what is between the two linear layers changes.
#pragma once
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "chapters/20_context_parallel/context_attention.h"

namespace shard {

class ContextParallelAttention : public ParallelAttention {
 public:
  /// As ParallelAttention's. Throws UsageError also where `inside` cannot share out a rank's heads.
  ContextParallelAttention(Communicator& tp, const std::string& name, int64_t width, int64_t heads,
                           const Init& init, float projection_deviation,
                           std::shared_ptr<const ContextAttention> inside);

  struct Kept {
    CutSequences sequences;
    ColumnParallelLinear::Kept qkv;
    ContextAttention::Kept inside;
    RowParallelLinear::Kept projection;
    ColumnParallelLinear::Kept& first() { return qkv; }
    auto parts() const { return std::tie(qkv, inside, projection); }
  };

  /// x: [this rank's tokens × width]; `rows` says of what context they are. Returns the same shape.
  /// One all-reduce over tp, and what `inside` sends. Throws Error for rows that are not those of
  /// the cut.
  Tensor forward(const Tensor& x, const RowMap& rows, Kept& kept, int64_t batch,
                 const AttentionDropout& dropout) const;
  Tensor backward(const Tensor& dz, const Kept& kept);

  // The same between f and g, as FusedAttention's. `rows` may be a part of those of x.
  PartialSum partial_forward(const Tensor& x, const RowMap& rows, Kept& kept, int64_t batch,
                             const AttentionDropout& dropout) const;
  PartialBackward partial_backward(const Tensor& dz, const Kept& kept);

 private:
  Tensor attend(const Tensor& x, const RowMap& rows, Kept& kept, int64_t batch,
                const AttentionDropout& dropout) const;

  std::shared_ptr<const ContextAttention> inside_;
};

}  // namespace shard
