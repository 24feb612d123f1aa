// What a file is that is not in the format its name promises: downloads go wrong in a few ways, and
// each has a name.
#pragma once
#include <string>
#include <string_view>

namespace shard {

/// Enough of a file for recognized_format.
constexpr int64_t format_bytes = 256;

/// What a file is that begins with these bytes, and the way to the right one: "a git-lfs pointer:
/// …". Empty where the bytes tell nothing.
std::string recognized_format(std::string_view start);

}  // namespace shard
