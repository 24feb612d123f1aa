// The memory of this process and of this machine.
#pragma once
#include <cstdint>
#include <string>

namespace shard {

/// Throws UsageError if `bytes`, needed because of `why` (options and their values), exceed this
/// machine's memory.
void require_memory(double bytes, const std::string& why);

/// The maximum resident memory of this process so far.
int64_t peak_resident_bytes();

}  // namespace shard
