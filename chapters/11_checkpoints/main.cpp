// Chapter 11: checkpoints that do not know their layout. Chapter 10's training saves, and resumes,
// on any grid; run without --save, the program shows that on its own.
#include "chapters/11_checkpoints/round_trip.h"
#include "chapters/11_checkpoints/saved_training.h"

using namespace shard;
using namespace shard::chapter_11;

void train(Runtime& runtime, Report& report, Settings& settings) {
  SavedTraining training(runtime, report, settings);
  if (!training.find_origin()) return;
  training.begin();
  training.run();
  training.report();
}

int main(int argc, char** argv) {
  Settings settings;
  Options options("11_checkpoints",
                  "A training run that is saved on one grid and resumed on another");
  add_options(options, settings);
  options.offer_picture("the process grid");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    settings.training.seed = options.seed;
    require_consistent(settings);
    uses_checkpoints(settings) ? train(runtime, report, settings)
                               : show_round_trips(runtime, report, settings);
  });
}
