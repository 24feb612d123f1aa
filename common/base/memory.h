// This process' memory, and this machine's.
#pragma once
#include <cstdint>
#include <string>

namespace shard {

/// Throws UsageError when `bytes`, needed because of `why` (options and their values), exceed this
/// machine's memory.
void require_memory(double bytes, const std::string& why);

/// The most memory that this process has had resident so far.
int64_t peak_resident_bytes();

}  // namespace shard
