// The picture: each schedule as a timeline, from the steps that the run's trace has recorded.
#pragma once
#include "chapters/18_pipeline/replay.h"
#include "common/program/report.h"

namespace shard::chapter_18 {

/// A schedule that was executed, and how it is called.
struct NamedReplay {
  std::string name;
  Replay replay;
};

/// Writes it to the file of --picture.
void draw_schedules(Report& report, const std::vector<NamedReplay>& schedules);

/// A picture of any schedules, with other words.
struct PictureWords {
  std::string title, description, sentence;  // as PicturePage has them
};
void draw_schedules(Report& report, const std::vector<NamedReplay>& schedules,
                    const PictureWords& words);

}  // namespace shard::chapter_18
