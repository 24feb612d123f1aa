// Chapter 22: the whole grid. Chapter 11's training, in which everything of chapters 13 to 16 can
// be switched on, in any combination.
#include "chapters/10_tensor_and_data_parallel/corpus.h"
#include "chapters/11_checkpoints/saved_training.h"
#include "chapters/22_the_whole_grid/grid_recipe.h"
#include "chapters/22_the_whole_grid/layouts.h"
#include "chapters/22_the_whole_grid/settings.h"

using namespace shard;
using namespace shard::chapter_22;

void compare(Runtime& runtime, Report& report, Settings& settings) {
  chapter_10::complete(settings, runtime);
  report.layout(static_cast<int>(settings.tp), static_cast<int>(settings.dp));
  const chapter_10::Corpus corpus(chapter_10::source_of(settings), settings);
  const Tf32Products tf32(runtime.backend(), settings.training.precision == Precision::tf32);
  compare_combinations(runtime, report, settings.sizes, corpus.data, settings.training);
}

void train(Runtime& runtime, Report& report, Settings& settings) {
  const Recipe recipe = recipe_of(settings.switches, settings.training,
                                  [&](const std::string& line) { report.line(line); });
  chapter_11::SavedTraining training(runtime, report, settings, recipe);
  if (!training.find_origin()) return;
  report.line("  " + name_of(settings.switches));
  training.begin();
  training.run();
  training.report();
}

void show(Report& report, const Settings& settings) {
  show_groups(report, grid_of_groups(settings));
  check_published_groups(report);
}

int main(int argc, char** argv) {
  Settings settings;
  Options options("22_the_whole_grid",
                  "A GPT trained on a grid, with anything of chapters 13 to 16 switched on");
  add_options(options, settings);
  options.offer_picture("the process grid; with --layouts, the errors of all combinations");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    complete(settings, options);
    if (settings.groups) return show(report, settings);
    settings.layouts ? compare(runtime, report, settings) : train(runtime, report, settings);
  });
}
