// Recognises files that are not in the expected format, for example after a failed download.
#pragma once
#include <string>
#include <string_view>

namespace shard {

/// The number of bytes that recognized_format needs.
constexpr int64_t format_bytes = 256;

/// The format of a file that begins with these bytes, and how to get the right file: "a git-lfs
/// pointer: …". Empty if the format is unknown.
std::string recognized_format(std::string_view start);

}  // namespace shard
