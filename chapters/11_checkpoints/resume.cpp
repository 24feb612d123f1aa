#include "chapters/11_checkpoints/resume.h"

#include "chapters/10_tensor_and_data_parallel/setting_table.h"
#include "chapters/11_checkpoints/checkpoint.h"
#include "common/base/command_line.h"
#include "common/base/counted.h"
#include "common/base/folders.h"

namespace shard::chapter_11 {

std::filesystem::path checkpoint_to_resume(Communicator& world, const Settings& s) {
  if (s.resume.empty()) return {};
  const bool in_save = s.resume == "latest" || s.resume == "auto";
  require_usage(!in_save || !s.save.empty(), "--resume ", s.resume,
                " needs --save: the directory to look in");
  const std::filesystem::path where = in_save ? s.save : s.resume,
                              found = latest_checkpoint(world, where);
  require_usage(!found.empty() || s.resume == "auto", "there is no checkpoint in ", where.string());
  return found;
}

void say_what_changed(Report& report, const Settings& s, const std::filesystem::path& resumed,
                      const CheckpointInfo& before) {
  report.line(text("  resumes from ", resumed.string(), ", after ", counted(before.step, "step")));
  const auto compare = [&](const std::string& name, const auto& now, const auto& then) {
    if (now != then) report.line(text("  changed: --", name, " ", now, ", it was ", then));
  };
  chapter_10::for_each_setting([&](const std::string& name, auto member, auto...) {
    compare(name, s.training.*member, before.settings.*member);
  });
  chapter_10::for_each_precision([&](const std::string& name, auto member, auto...) {
    compare(name, to_string(s.training.*member), to_string(before.settings.*member));
  });
  const TrainingSettings &now = s.training, &then = before.settings;
  const bool same_schedule = now.steps == then.steps && now.warmup == then.warmup &&
                             now.learning_rate == then.learning_rate &&
                             now.min_learning_rate == then.min_learning_rate;
  if (!same_schedule) {
    report.line(text("  so the learning rate goes on at ",
                     scientific(learning_rate_at(before.step, now)),
                     " (without that: ", scientific(learning_rate_at(before.step, then)),
                     ") and reaches its end at step ", now.steps));
  }
}

chapter_10::Metrics history_of(Runtime& runtime, Report& report,
                               const std::filesystem::path& resumed, int64_t step) {
  if (resumed.empty() || runtime.world().rank() != 0) return {};
  try {
    return chapter_10::read_metrics(resumed / chapter_10::metrics_name, step);
  } catch (const UsageError& error) {
    report.line(text("  warning: the loss curve begins at step ", step + 1, ": ", error.what()));
    return {};
  }
}

std::string command_to_go_on(Runtime& runtime) {
  std::vector<std::string> words;
  const std::vector<std::string>& given = runtime.options().arguments();
  for (size_t i = 0; i < given.size(); ++i) {
    const bool by_learn =
        given[i] == "--json" && i + 1 < given.size() && given[i + 1].starts_with(build_folder());
    if (given[i] == "--resume" || given[i] == "--start-from" || by_learn) {
      ++i;
    } else if (!given[i].starts_with("--resume=") && !given[i].starts_with("--start-from=")) {
      words.push_back(given[i]);
    }
  }
  words.insert(words.end(), {"--resume", "latest"});
  return command_before_arguments(runtime.world().size()) + " " + quoted(words);
}

}  // namespace shard::chapter_11
