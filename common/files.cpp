#include "common/files.h"

#include <fstream>

#include "common/communicator.h"

namespace shard {

void require_writable(Communicator& world, const std::string& option, const std::string& file) {
  if (file.empty()) return;
  const bool works = world.rank() != 0 || std::ofstream(file, std::ios::app).good();
  require_usage(world.max_of(works ? 0 : 1) == 0, option, " ", file, ": the file cannot be written");
}

}  // namespace shard
