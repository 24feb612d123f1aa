// Chapter 12: inference. A GPT-2 from a folder writes text over tensor-parallel ranks; without
// --weights, a small model is trained first, and shows what does not change a text.
#include "chapters/11_checkpoints/temporary_folder.h"
#include "chapters/12_generation/comparisons.h"
#include "chapters/12_generation/generate.h"
#include "chapters/12_generation/small_model.h"

using namespace shard;
using namespace shard::chapter_12;

/// The whole chapter with a model of its own.
void show_generation(Runtime& runtime, Report& report, const Settings& settings) {
  const chapter_11::TemporaryFolder folder(runtime.world());
  const Pretrained pretrained(make_small_model(runtime, report, settings, folder.path()));
  compare_ranks(runtime, report, settings, pretrained);
  compare_with_uncached(runtime, report, settings, pretrained);
  report.heading("What the model writes");
  generate(runtime, report, settings, pretrained);
}

int main(int argc, char** argv) {
  Settings settings;
  Options options("12_generation", "Text from a GPT-2, over tensor-parallel ranks");
  add_options(options, settings);
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    report.layout(runtime.world().size(), 1);
    if (settings.weights.empty()) {
      if (settings.prompts.empty() && settings.prompt.empty()) settings.prompt = "The ranks ";
      prompts_of(settings);  // bad ones are refused before the model is trained
      return show_generation(runtime, report, settings);
    }
    require_usage(!options.given("--steps") && !options.given("--data"),
                  "--weights names a trained model: it takes no --steps and no --data");
    generate(runtime, report, settings, Pretrained(settings.weights));
  });
}
