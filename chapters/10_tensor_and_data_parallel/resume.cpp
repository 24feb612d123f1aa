#include "chapters/10_tensor_and_data_parallel/resume.h"

namespace shard {

std::filesystem::path checkpoint_to_resume(Communicator& world, const Settings& s) {
  if (s.resume.empty()) return {};
  const bool in_save = s.resume == "latest" || s.resume == "auto";
  require_usage(!in_save || !s.save.empty(), "--resume ", s.resume, " needs --save: the directory to look in");
  const std::filesystem::path where = in_save ? s.save : s.resume, found = latest_checkpoint(world, where);
  require_usage(!found.empty() || s.resume == "auto", "there is no checkpoint in ", where.string());
  return found;
}

}  // namespace shard
