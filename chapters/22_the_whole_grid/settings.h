// What the program of this chapter can be told: all that chapter 11's can, and the switches.
#pragma once
#include "chapters/11_checkpoints/settings.h"
#include "chapters/22_the_whole_grid/groups.h"
#include "chapters/22_the_whole_grid/switches.h"

namespace shard::chapter_22 {

struct Settings : chapter_11::Settings {
  Switches switches;
  bool groups = false;
};

void add_options(Options& options, Settings& settings);
/// The grid that --groups shows.
GridOfGroups grid_of_groups(const Settings& settings);
/// Refuses options that do not go together, and for --layouts makes small what was not given.
void complete(Settings& settings, const Options& options);

}  // namespace shard::chapter_22
