// Which folders are checkpoints, and which of a directory's is the latest.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace shard {

std::string checkpoint_name(int64_t step);  // as in "step-00000200"
// behind the name of a checkpoint that gives way to a new one
constexpr const char* replaced = "-replaced";

/// A folder that holds weights. Throws UsageError when that cannot be told.
bool is_checkpoint(const std::filesystem::path& folder);

/// The checkpoints of a directory, by their steps: what has a checkpoint's name, and then `suffix`.
/// What has another name is somebody's own. Throws UsageError when the directory is there and
/// cannot be read.
std::map<int64_t, std::filesystem::path> checkpoints_in(const std::filesystem::path& directory,
                                                        const std::string& suffix = "");

/// The checkpoint that `path` means: the folder of one, or the latest in a directory of them (where
/// nothing says which that is, the one with most steps). Nothing when there is none. Throws
/// UsageError when the directory cannot be read.
std::filesystem::path latest_checkpoint(const std::filesystem::path& path);

}  // namespace shard
