// SequenceCut: which tokens of each sequence a rank has, where sequences are cut among ranks, and
// which scores it computes when it meets the keys of another rank.
#pragma once
#include "common/base/row_map.h"

namespace shard {

/// How the ranks share out the tokens of a sequence.
enum class CutKind {
  contiguous,  // c chunks, rank r has chunk r
  zigzag,      // 2c chunks, rank r has chunks r and 2c-1-r: an early one, and the late one that
               // makes up for it under a causal mask
};
std::string to_string(CutKind kind);

/// A part of each sequence that one rank has.
struct Chunk {
  Range positions;     // in the sequence
  int64_t before = 0;  // tokens of the sequence in the rank's chunks before this one

  /// Its rows among the rank's rows of `batch` sequences.
  Range rows(int64_t batch) const { return {batch * before, batch * (before + positions.size())}; }
};

/// Scores between the queries of one chunk and the keys of another that they can see.
struct ScoreBlock {
  Chunk queries, keys;
  int64_t entries() const;  // how many, for one head of one sequence
};

/// The arithmetic of the cut, for any context. Chunks that cannot be equal differ by one token; a
/// rank's second chunk may be empty, and is left out then.
class SequenceCut {
 public:
  SequenceCut(CutKind the_kind, int the_ranks) : kind(the_kind), ranks(the_ranks) {}
  /// Refuses sequences of which some rank would have no token: throws UsageError.
  void require_tokens(int64_t context) const;

  /// Of rank `rank`, in the order of their positions.
  std::vector<Chunk> chunks(int64_t context, int rank) const;
  /// Of a sequence: how many tokens rank `rank` has.
  int64_t tokens(int64_t context, int rank) const;
  /// The rank's rows of the batch: chunk after chunk, of each all sequences, so that a chunk's rows
  /// lie together.
  RowMap rows(Range sequences, int64_t context, int rank) const;
  /// What rank `rank` computes with the keys of rank `owner`: blocks with at least one score.
  std::vector<ScoreBlock> blocks(int64_t context, int rank, int owner) const;
  /// The scores in them.
  int64_t entries(int64_t context, int rank, int owner) const;

  const CutKind kind;
  const int ranks;
};

}  // namespace shard
