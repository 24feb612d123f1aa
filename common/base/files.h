// Files that are read or written whole.
#pragma once
#include <filesystem>
#include <string>

namespace shard {

/// Why there is no regular file at that path: nothing where there is one.
std::string problem_with(const std::filesystem::path& file);

/// All bytes of a regular file. Throws UsageError, naming it, when it cannot be read, is anything
/// else (a pipe might never end), or has more than `most` bytes.
std::string read_file(const std::filesystem::path& file, int64_t most = int64_t{1} << 40);

/// Writes `content` to the file that `option` names. Throws Error, with the reason, when it does
/// not fit or cannot be written.
void write_file(const std::string& option, const std::string& file, const std::string& content);

}  // namespace shard
