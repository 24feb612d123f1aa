#include "common/base/folders.h"

namespace shard {

// The build defines both for this file only: no other object depends on the checkout's location.
std::string source_folder() { return SHARD_SOURCE_DIR; }

std::string build_folder() { return SHARD_BINARY_DIR; }

}  // namespace shard
