// Durable storage: waiting until files and directories are on the disk, and replacing files
// atomically.
#pragma once
#include <filesystem>
#include <string>

namespace shard {

/// Waits until an open file or directory is on the disk. Returns false if its file system does not
/// support this, as many network file systems do not for directories. Throws Error with the
/// system's reason if the disk fails.
bool sync_to_disk(int file);
/// The same for the file or directory `path`, which the error names.
bool sync_to_disk(const std::filesystem::path& path);

/// Atomically replaces `file` by one with this content. Throws Error, naming it.
void replace_file(const std::filesystem::path& file, const std::string& content);

}  // namespace shard
