// What the program shows of the schedules: alone, in a run beside chapter 10, and in messages.
#pragma once
#include "chapters/18_pipeline/picture.h"
#include "chapters/18_pipeline/trial.h"

namespace shard::chapter_18 {

/// The name of a schedule, and its steps.
struct NamedSteps {
  std::string name;
  StepsOfStage steps;
};
/// GPipe and 1F1B.
const std::vector<NamedSteps>& schedules();

/// Lists and replays of 4 stages and 8 micro-batches, on any number of ranks.
void show_schedules(Report& report);
/// Which stage has which layers.
void show_cut(Report& report, const Settings& settings);
/// Steps of a schedule beside chapter 10's: losses, gradients, the table. Collective, as the next.
void compare_training(Runtime& runtime, Report& report, const Settings& settings,
                      const NamedSteps& schedule);
/// One step: what was kept, what was sent, and the trace's order, replayed. Returns the replay.
NamedReplay observe_step(Runtime& runtime, Report& report, const Settings& settings,
                         const NamedSteps& schedule);

}  // namespace shard::chapter_18
