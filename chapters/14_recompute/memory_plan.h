// MemoryPlan: recompute only as many blocks as do not fit.
// Activations are kept from the first block's forward pass to its backward pass, which comes last:
// the first blocks' wait longest, so these are the ones that are recomputed. A block that is
// recomputed needs the rest of what it would have kept during its own backward pass; by then the
// blocks after it have let theirs go.
#pragma once
#include <cstdint>

namespace shard {

/// What a model of equal blocks keeps on a rank, in bytes.
struct ModelBytes {
  int64_t layers = 0;
  int64_t block = 0;  // a block that keeps everything, its input included
  int64_t input = 0;  // a block that keeps its input
  int64_t again = 0;  // more than `block`: a block that has been computed again
  int64_t begin = 0;  // what is before the blocks: kept to the end of the backward pass
  int64_t end = 0;    // what is after them: let go before the blocks' backward passes
};

/// The most that is kept at any moment of a step in which the first `recomputed` blocks keep only
/// their inputs.
int64_t most_kept(const ModelBytes& bytes, int64_t recomputed);

/// The fewest blocks that must be recomputed to keep at most `limit` bytes. Throws UsageError if
/// even recomputing all of them is not enough.
int64_t fewest_recomputed(const ModelBytes& bytes, int64_t limit);

}  // namespace shard
