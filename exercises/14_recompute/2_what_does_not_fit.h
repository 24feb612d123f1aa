#pragma once
#include <cstdint>
#include <vector>

namespace shard {

/// A block of a model, in the order of the forward pass.
struct BlockCosts {
  int64_t kept = 0;   // bytes that it keeps if it is not recomputed, its input included
  int64_t input = 0;  // bytes of its input alone: what it keeps if it is recomputed
  int64_t flops = 0;  // what recomputing it adds to a step
};

/// Which blocks are recomputed: those with the fewest FLOPs together (any, if several cost the
/// same), such that at no moment of a step more than `limit` bytes are kept (exactly `limit` is
/// allowed). At most 16 blocks. Throws
/// UsageError naming the limit if even recomputing all of them is not enough.
///
/// The moments: after the whole forward pass, every block keeps `kept` or `input`. The backward
/// pass goes from the last block to the first. While a recomputed block is computed again, it has
/// all of `kept`, the blocks before it still have what they kept, and those after it have let go of
/// everything.
std::vector<bool> recomputed_blocks(const std::vector<BlockCosts>& blocks, int64_t limit);

}  // namespace shard
