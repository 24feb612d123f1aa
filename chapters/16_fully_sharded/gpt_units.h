// The units of a GPT, whatever its blocks are made of.
#pragma once
#include "chapters/16_fully_sharded/fully_sharded.h"

namespace shard {

/// The root unit: the table, which is used at both ends, the positions and the last norm. Then the
/// blocks, whose parameters' names begin with "h.0.", "h.1.", …, `blocks` of them in a unit; the
/// last unit may have fewer. Throws Error for fewer than one block in a unit.
std::vector<Unit> units_of(const Parameters& model, int64_t blocks = 1);

}  // namespace shard
