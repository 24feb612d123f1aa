// Attention in blocks: of one chunk of queries and one chunk of keys at a time. Results over
// different keys are merged, gradients add up.
#pragma once
#include "chapters/20_context_parallel/context_attention.h"

namespace shard {

/// The result of a block's queries with its keys. qkv [rows × 3·width] has the queries' rows in its
/// first columns, kv [rows × 2·width] those of the keys, and of the values behind them.
AttentionResult attend(const Tensor& qkv, const Tensor& kv, const ScoreBlock& block,
                       const CutSequences& sequences);

/// Adds the block's part in the gradients, for dout [rows × width]: to dq [rows × width], and to
/// dkv [rows × 2·width] of the keys' rows, both f32. `whole` is the result over all keys, as
/// ChunkResults::joined returns it.
void add_gradients(Tensor& dq, Tensor& dkv, const Tensor& dout, const Tensor& qkv, const Tensor& kv,
                   const ScoreBlock& block, const CutSequences& sequences,
                   const AttentionResult& whole);

/// [dq dkv] in this type: [rows × 3·width].
Tensor side_by_side(const Tensor& dq, const Tensor& dkv, DataType type);

/// The results for the queries of each of a rank's chunks.
class ChunkResults {
 public:
  explicit ChunkResults(std::vector<Chunk> chunks) : chunks_(std::move(chunks)) {
    results_.resize(chunks_.size());
  }
  /// Merges in the result of these queries with more keys. Sums of bf16 are kept in f32.
  void add(const Chunk& queries, AttentionResult part);
  /// All chunks one after the other: output [tokens × width] of this type, and log-sum-exps
  /// [tokens·heads].
  AttentionResult joined(const CutSequences& sequences, DataType type) const;

 private:
  std::vector<Chunk> chunks_;
  std::vector<AttentionResult> results_;  // one for each
};

/// A chunk's part of a joined result: views.
AttentionResult part_of_joined(const AttentionResult& joined, const Chunk& queries,
                               const CutSequences& sequences);

}  // namespace shard
