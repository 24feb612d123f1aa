// Draws which weights a rank has, event by event.
#pragma once
#include "chapters/16_fully_sharded/events.h"
#include "chapters/16_fully_sharded/trial.h"

namespace shard::chapter_16 {

/// For --picture: the events of a step, in which the first of `units` is the root.
void show_picture(const Setup& setup, const std::vector<Event>& events,
                  const std::vector<std::string>& units);

}  // namespace shard::chapter_16
