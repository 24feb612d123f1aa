#include "chapters/11_checkpoints/temporary_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/base/folders.h"

namespace shard::chapter_11 {

TemporaryFolder::TemporaryFolder(Communicator& world)
    : mine_(world.rank() == 0), path_(build_folder() + "/checkpoints-XXXXXX") {
  std::string problem;
  if (mine_ && ::mkdtemp(path_.data()) == nullptr)
    problem = text("cannot make the folder ", path_, ": ", std::strerror(errno));
  problem = world.gather_text(problem).front();
  require_usage(problem.empty(), problem);
  path_ = world.gather_text(path_).front();
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (mine_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace shard::chapter_11
