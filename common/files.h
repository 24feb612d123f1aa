// Files: what a program reads whole, and what it will write at its end, which is tried at its start so that no work is
// lost to a wrong path.
#pragma once
#include <filesystem>
#include <string>

namespace shard {

class Communicator;

/// Why there is no regular file at that path: nothing where there is one.
std::string problem_with(const std::filesystem::path& file);

/// All bytes of a regular file. Throws UsageError, naming it, when it cannot be read, is anything else (a pipe might
/// never end), or has more than `most` bytes.
std::string read_file(const std::filesystem::path& file, int64_t most = int64_t{1} << 40);

/// Writes `content` to the file that `option` names. Throws Error, with the reason, when it does not fit or cannot be
/// written.
void write_file(const std::string& option, const std::string& file, const std::string& content);

/// Throws UsageError on every rank, naming `option`, when rank 0 cannot write to `file`. An empty name is no file.
/// Collective.
void require_writable(Communicator& world, const std::string& option, const std::string& file);

}  // namespace shard
