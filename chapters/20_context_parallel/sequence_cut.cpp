#include "chapters/20_context_parallel/sequence_cut.h"

#include <algorithm>

#include "common/base/counted.h"

namespace shard {

std::string to_string(CutKind kind) { return kind == CutKind::zigzag ? "zigzag" : "contiguous"; }

int64_t ScoreBlock::entries() const {
  int64_t seen = 0;
  for (int64_t query = queries.positions.begin; query < queries.positions.end; ++query)
    seen += std::clamp(query - keys.positions.begin + 1, int64_t{0}, keys.positions.size());
  return seen;
}

void SequenceCut::require_tokens(int64_t context) const {
  require_usage(context >= ranks, "a sequence of ", counted(context, "token"),
                " cannot be cut among ", ranks, " context-parallel ranks: each needs a token");
}

//! [20-chunks]
std::vector<Chunk> SequenceCut::chunks(int64_t context, int rank) const {
  const int all = kind == CutKind::zigzag ? 2 * ranks : ranks;
  std::vector<int> numbers{rank};
  if (kind == CutKind::zigzag) numbers.push_back(all - 1 - rank);
  std::vector<Chunk> own;
  int64_t before = 0;
  for (const int number : numbers) {
    const Range positions = part_of(context, all, number);
    if (positions.size() == 0) continue;
    own.push_back({positions, before});
    before += positions.size();
  }
  return own;
}
//! [20-chunks]

int64_t SequenceCut::tokens(int64_t context, int rank) const {
  int64_t tokens = 0;
  for (const Chunk& chunk : chunks(context, rank)) tokens += chunk.positions.size();
  return tokens;
}

RowMap SequenceCut::rows(Range sequences, int64_t context, int rank) const {
  require_tokens(context);
  std::vector<Range> ranges;
  for (const Chunk& chunk : chunks(context, rank)) {
    for (int64_t sequence = sequences.begin; sequence < sequences.end; ++sequence) {
      const int64_t first = sequence * context;
      ranges.push_back({first + chunk.positions.begin, first + chunk.positions.end});
    }
  }
  return {context, ranges};
}

//! [20-blocks]
std::vector<ScoreBlock> SequenceCut::blocks(int64_t context, int rank, int owner) const {
  std::vector<ScoreBlock> blocks;
  for (const Chunk& queries : chunks(context, rank)) {
    for (const Chunk& keys : chunks(context, owner)) {
      const bool is_seen = keys.positions.begin < queries.positions.end;  // by the last query
      if (is_seen) blocks.push_back({queries, keys});
    }
  }
  return blocks;
}
//! [20-blocks]

int64_t SequenceCut::entries(int64_t context, int rank, int owner) const {
  int64_t sum = 0;
  for (const ScoreBlock& block : blocks(context, rank, owner)) sum += block.entries();
  return sum;
}

}  // namespace shard
