// Files that a program writes at its end. They are checked at its start, so that no results are
// lost because of a wrong path.
#pragma once
#include <string>

#include "common/comm/communicator.h"

namespace shard {

/// Throws UsageError on every rank, naming `option`, if rank 0 cannot write to `file`. An empty
/// name means no file. Collective.
void require_writable(Communicator& world, const std::string& option, const std::string& file);

}  // namespace shard
