// What must outlive a crash: files and directories that are on the disk, and files that are
// replaced whole.
#pragma once
#include <filesystem>
#include <string>

namespace shard {

/// Waits until an open file or directory is on the disk. Returns false where its file system has no
/// way to say so, as many network file systems have none for a directory. Throws Error with the
/// system's reason when the disk fails.
bool sync_to_disk(int file);
/// The same for what lies at `path`, which the error names.
bool sync_to_disk(const std::filesystem::path& path);

/// Replaces `file` by one that holds `content`, never leaving half of it. Throws Error, naming it.
void replace_file(const std::filesystem::path& file, const std::string& content);

}  // namespace shard
