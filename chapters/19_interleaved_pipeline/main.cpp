// Chapter 19: two ways to a shorter bubble. Stages have several chunks of the model, which their
// micro-batches go through in turn; or they compute gradients of weights while they would wait.
#include "chapters/18_pipeline/picture.h"
#include "chapters/19_interleaved_pipeline/failing_designs.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/19_interleaved_pipeline/replays.h"

using namespace shard;
using namespace shard::chapter_19;

/// The lists of 4 stages and 8 micro-batches.
void draw(Report& report) {
  std::vector<chapter_18::NamedReplay> schedules;
  for (const auto& [title, name, chunks] : {std::tuple{"1F1B", "1f1b", 1},
                                            {"interleaved, v = 2", "interleaved", 2},
                                            {"ZB-H1", "zb-h1", 1}})
    schedules.push_back(
        {title, replay(named_schedule(name, 4, 8, chunks), StepCosts::units(chunks))});
  draw_schedules(
      report, schedules,
      {.title = "1F1B, interleaved 1F1B and ZB-H1 on 4 stages",
       .description =
           "Timelines of three schedules of 8 micro-batches, one above the other, each with a row "
           "for each of 4 stages. 1F1B takes 33 units of time, of which 9 are idle on every stage. "
           "Interleaved, each stage has two chunks in two shades, whose passes take half as long; "
           "the staircases at both ends are half as wide, and it takes 28.5. In ZB-H1 small boxes "
           "of weights' gradients fill the end, and it takes 27.",
       .sentence =
           "A stage's forward pass takes 1 unit, its backward pass 2: 1 for the gradient of "
           "its input, 1 for those of its weights. Dashed: the stage is idle. 11/2: 11 "
           "passes under way through chunks that are halves of a stage."});
}

int main(int argc, char** argv) {
  Settings settings;
  settings.sizes.layers = 9;
  Options options("19_interleaved_pipeline", "pipelines with a shorter bubble: interleaved, ZB-H1");
  add_options(options, settings);
  options.size("--chunks", settings.chunks, "chunks of a stage, interleaved", 2, 1000);
  options.offer_picture("the schedules as timelines");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    complete(settings, runtime);
    require_usage(settings.pp >= 2, "an interleaved pipeline needs 2 stages at least, not ",
                  settings.pp);
    report.layout(static_cast<int>(settings.tp), static_cast<int>(settings.dp));
    show_schedules(report);
    show_remainders(report);
    show_warm_ups(report);
    show_release(report);
    if (!options.picture.empty()) draw(report);
    compare_training(runtime, report, settings);
    observe_steps(runtime, report, settings);
    show_chunk_order(runtime, report, settings);
    show_lost_weights(runtime, report, settings);
    show_standstills(report);
  });
}
