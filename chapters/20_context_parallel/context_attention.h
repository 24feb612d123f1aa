// ContextAttention: causal attention over sequences whose tokens are cut among the ranks of a
// group. A query needs the keys and values of all tokens before it, which are on other ranks:
//     RingAttention      keys and values travel around the ring, while those that are here are used
//     UlyssesAttention   an all-to-all gives each rank all tokens of some heads, and back
//     GatheredAttention  an all-gather gives each rank the keys and values of all tokens
// Each is the same function of the same rows.
#pragma once
#include "chapters/20_context_parallel/sequence_cut.h"
#include "common/comm/communicator.h"
#include "common/tensor/attention.h"

namespace shard {

/// The sequences of one call, and this tensor-parallel rank's heads.
struct CutSequences {
  int64_t batch = 0, context = 0;  // of whole sequences
  int64_t heads = 0;
  ProbabilityDropout dropout = {};
};

class ContextAttention {
 public:
  /// The ranks of `group` share out the tokens as `kind` says.
  ContextAttention(Communicator& group, CutKind kind) : group_(group), cut_(kind, group.size()) {}
  virtual ~ContextAttention() = default;
  virtual std::string name() const = 0;  // "ring"
  /// Refuses what it cannot compute: throws UsageError for heads that cannot be shared out.
  virtual void require_heads(int64_t /*heads*/) const {}

  struct Kept {
    Tensor qkv;              // queries, keys and values
    Tensor kv;               // keys and values of all tokens, where they were gathered
    AttentionResult result;  // over all keys
    auto parts() const { return std::tie(qkv, kv, result.output, result.log_sum_exp); }
  };
  /// qkv [tokens × 3·width]: columns Q K V of this rank's rows, in the order of SequenceCut::rows.
  /// Returns the heads' output for them [tokens × width]. Collective, as is backward.
  virtual Tensor forward(const Tensor& qkv, const CutSequences& sequences, Kept& kept) const = 0;
  /// From the gradient of that output to the gradient of qkv, [tokens × 3·width].
  virtual Tensor backward(const Tensor& dout, const CutSequences& sequences,
                          const Kept& kept) const = 0;

  const SequenceCut& cut() const { return cut_; }
  Communicator& group() const { return group_; }

 protected:
  Communicator& group_;
  SequenceCut cut_;
};

}  // namespace shard
