// expect: nothing of the first is kept
#include <algorithm>
#include <cmath>

#include "exercises/20_context_parallel/1_two_blocks_one_softmax.h"

namespace shard {

BlockResult merged(const BlockResult& a, const BlockResult& b) { return a.output.empty() ? a : b; }

}  // namespace shard
