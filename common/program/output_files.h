// Files that a program writes at its end. They are tried at its start, so that no work is lost to a
// wrong path.
#pragma once
#include <string>

#include "common/comm/communicator.h"

namespace shard {

/// Throws UsageError on every rank, naming `option`, when rank 0 cannot write to `file`. An empty
/// name is no file. Collective.
void require_writable(Communicator& world, const std::string& option, const std::string& file);

}  // namespace shard
