#include "common/program/output_files.h"

#include <filesystem>
#include <fstream>

namespace shard {

namespace fs = std::filesystem;

void require_writable(Communicator& world, const std::string& option, const std::string& file) {
  if (file.empty()) return;
  std::error_code ignored;
  const auto try_it = [&] {
    return !fs::is_fifo(file, ignored) && std::ofstream(file, std::ios::app).good();
  };
  const bool works = world.rank() != 0 || try_it();
  require_usage(world.max_of(works ? 0 : 1) == 0, option, " ", file,
                ": the file cannot be written");
}

}  // namespace shard
