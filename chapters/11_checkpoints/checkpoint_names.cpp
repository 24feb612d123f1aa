#include "chapters/11_checkpoints/checkpoint_names.h"

#include <cinttypes>
#include <cstdio>
#include <iomanip>

#include "common/base/error.h"
#include "common/base/files.h"

namespace shard {

namespace fs = std::filesystem;

std::string checkpoint_name(int64_t step) {
  std::ostringstream name;
  name << "step-" << std::setw(8) << std::setfill('0') << step;
  return name.str();
}

bool is_checkpoint(const fs::path& folder) {
  std::error_code failed;
  const fs::file_status status = fs::status(folder / "model.safetensors", failed);
  require_usage(status.type() != fs::file_type::none, "cannot read ", folder.string(), ": ",
                failed.message());
  return fs::is_regular_file(status);
}

std::map<int64_t, fs::path> checkpoints_in(const fs::path& directory, const std::string& suffix) {
  std::map<int64_t, fs::path> checkpoints;
  std::error_code failed;
  if (!fs::is_directory(directory, failed)) return checkpoints;
  const fs::directory_iterator entries(directory, failed);
  require_usage(!failed, "cannot read ", directory.string(), ": ", failed.message());
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    if (std::sscanf(name.c_str(), "step-%18" SCNd64, &step) != 1 ||
        name != checkpoint_name(step) + suffix)
      continue;
    if (is_checkpoint(entry.path())) checkpoints[step] = entry.path();
  }
  return checkpoints;
}

/// The name in the file, or nothing.
static std::string latest_in(const fs::path& directory) {
  constexpr int64_t longest = 4096;
  const fs::path file = directory / "latest";
  if (!fs::exists(file)) return "";
  const std::string content = read_file(file, longest);
  const std::string line = content.substr(0, content.find('\n'));
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);  // as some editors leave it
}

fs::path latest_checkpoint(const fs::path& path) {
  if (is_checkpoint(path)) return path;
  if (const std::string name = latest_in(path); !name.empty()) {
    for (const fs::path& checkpoint :
         {path / name, path / (name + replaced)}) {  // the latter while it gives way
      if (is_checkpoint(checkpoint)) return checkpoint;
    }
  }
  auto checkpoints = checkpoints_in(path);
  checkpoints.merge(checkpoints_in(path, replaced));
  return checkpoints.empty() ? fs::path() : checkpoints.rbegin()->second;
}

}  // namespace shard
