// Chapter 10: a GPT trained on text, on a grid of tensor × data parallel ranks. Everything before
// comes together here.
#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "chapters/10_tensor_and_data_parallel/training.h"
#include "common/program/output_files.h"

using namespace shard;
using namespace shard::chapter_10;

void train(Runtime& runtime, Report& report, const Settings& settings, const Corpus& corpus) {
  Training training(runtime, report, settings, corpus);
  training.describe();
  training.check();
  training.begin();
  training.run();
  training.report_results();
  if (settings.sample > 0) training.write_sample(settings.training.steps);
}

int main(int argc, char** argv) {
  Settings s;
  Options options("10_tensor_and_data_parallel", "A GPT trained on a tensor × data parallel grid");
  add_options(options, s);
  add_option_layouts(options, s);
  options.offer_picture("the process grid, or with --layouts the losses of all layouts");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    s.training.seed = options.seed;
    complete(s, runtime);
    require_writable(runtime.world(), "--curve", s.curve);
    report.layout(static_cast<int>(s.tp), static_cast<int>(s.dp));
    const Corpus corpus(source_of(s), s);
    s.layouts ? compare_layouts(runtime, report, s.sizes, corpus.data, s.training)
              : train(runtime, report, s, corpus);
  });
}
