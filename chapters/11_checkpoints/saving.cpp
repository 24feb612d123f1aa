#include "chapters/11_checkpoints/saving.h"

#include "common/storage/durable.h"

namespace shard::chapter_11 {

Saving::Saving(Runtime& runtime, Report& report, const Settings& settings,
               const std::filesystem::path& resumed)
    : world_(runtime.world()),
      report_(report),
      settings_(settings),
      checkpoints_(runtime.world(), settings.save, settings.keep, resumed) {
  say_warnings();
}

bool Saving::goes_on_after(const chapter_10::Metrics& metrics, Optimizer& optimizer,
                           CheckpointInfo info) {
  info.step = metrics.back().step;
  const bool last = info.step == settings_.training.steps;
  const bool due = settings_.save_every > 0 && info.step % settings_.save_every == 0;
  const bool stopped = Interruption::asked_for(world_) && !last;
  if (!stopped && !due && !last) return true;
  last_ = checkpoints_.save(optimizer.state(), info, metrics);
  report_.line(text("  step ", info.step, ": saved in ", last_.string()));
  say_warnings();
  return !stopped;
}

void Saving::complete(const chapter_10::Metrics& metrics) const {
  if (world_.rank() != 0 || last_.empty()) return;
  try {
    replace_file(last_ / chapter_10::metrics_name, chapter_10::metrics_text(metrics));
  } catch (const Error& error) {  // all that matters is saved
    report_.line(text("  warning: ", error.what()));
  }
}

void Saving::say_warnings() {
  for (const std::string& warning : checkpoints_.warnings()) report_.line("  warning: " + warning);
}

}  // namespace shard::chapter_11
