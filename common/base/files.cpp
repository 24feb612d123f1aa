#include "common/base/files.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "common/base/error.h"
#include "common/base/memory.h"

namespace shard {

namespace fs = std::filesystem;

std::string problem_with(const fs::path& file) {
  std::error_code failed;
  const fs::file_status status = fs::status(file, failed);
  if (status.type() == fs::file_type::not_found) return "there is no such file";
  if (status.type() == fs::file_type::none) return failed.message();
  return fs::is_regular_file(status) ? "" : "this is not a regular file";
}

std::string read_file(const fs::path& file, int64_t most) {
  if (const std::string problem = problem_with(file); !problem.empty()) {
    throw UsageError(text("cannot open ", file.string(), ": ", problem));
  }
  std::ifstream in(file, std::ios::binary);
  require_usage(in.good(), "cannot open ", file.string(), ": ", std::strerror(errno));
  const auto bytes = static_cast<int64_t>(fs::file_size(file));
  require_usage(bytes <= most, file.string(), " has ", bytes, " bytes; at most ", most,
                " are allowed");
  require_memory(static_cast<double>(bytes), file.string());
  std::string content(static_cast<size_t>(bytes), '\0');
  in.read(content.data(), bytes);
  require_usage(in.gcount() == bytes, file.string(), " cannot be read after byte ", in.gcount(),
                " of ", bytes);
  return content;
}

void write_file(const std::string& option, const std::string& file, const std::string& content) {
  errno = EIO;
  std::ofstream out(file, std::ios::binary);
  out << content << std::flush;
  require(out.good(), option, " ", file, ": the file cannot be written: ", std::strerror(errno));
}

}  // namespace shard
