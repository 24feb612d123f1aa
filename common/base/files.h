// Reading and writing whole files.
#pragma once
#include <filesystem>
#include <string>

namespace shard {

/// The reason why `file` is not a regular file; empty if it is one.
std::string problem_with(const std::filesystem::path& file);

/// All bytes of a regular file. Throws UsageError, naming it, if it cannot be read, is not a
/// regular file (a pipe might never end), or has more than `most` bytes.
std::string read_file(const std::filesystem::path& file, int64_t most = int64_t{1} << 40);

/// Writes `content` to `file`, the value of `option`. Throws Error, with the reason, if it cannot
/// be written or the disk is full.
void write_file(const std::string& option, const std::string& file, const std::string& content);

}  // namespace shard
