// Chapter 20: context parallelism. The tokens of a sequence are cut among the ranks. Everything but
// attention works on each token alone; attention meets keys and values of other ranks.
#include "chapters/20_context_parallel/attention_checks.h"
#include "chapters/20_context_parallel/failing_designs.h"
#include "chapters/20_context_parallel/model_checks.h"
#include "chapters/20_context_parallel/picture.h"
#include "chapters/20_context_parallel/published.h"
#include "chapters/20_context_parallel/speed.h"
#include "chapters/20_context_parallel/traffic.h"
#include "chapters/20_context_parallel/work.h"

using namespace shard;
using namespace shard::chapter_20;

void refuse_bad_sizes(const Sizes& s, int ranks) {
  require_usage(s.width % s.heads == 0, "--width ", s.width, " cannot be divided into --heads ",
                s.heads);
  require_usage(s.heads % ranks == 0, "--heads ", s.heads, " cannot be divided evenly among ",
                ranks, " ranks, as Ulysses does");
  require_usage(s.context >= 8 && s.context >= 2 * ranks, "--context ", s.context,
                " is too short for the checks on ", ranks, " ranks: at least ",
                std::max(8, 2 * ranks), " tokens are needed");
  const auto width = static_cast<double>(s.width), layers = static_cast<double>(s.layers),
             rows = static_cast<double>(s.batch * s.context);
  require_memory(20.0 * ranks * (12 * width * width * layers + 60 * rows * width * layers),
                 text("--batch ", s.batch, " × --context ", s.context, " × --width ", s.width,
                      " × --layers ", s.layers));
}

int main(int argc, char** argv) {
  Sizes sizes;
  int64_t repeat = 5;
  double dropout = 0.2;
  MeasuredModel measured = measured_model("small");
  Options options("20_context_parallel", "sequences cut among ranks: ring attention, Ulysses");
  options.size("--batch", sizes.batch, "sequences", 2, 1 << 10);
  options.size("--context", sizes.context, "tokens of a sequence", 1, 1 << 14);
  options.size("--heads", sizes.heads, "heads of the attention");
  options.size("--width", sizes.width, "columns of X", 8);
  options.size("--layers", sizes.layers, "blocks of the model", 1, 1000);
  options.number("--dropout", dropout, "probability of dropping an element", 0, 0.9);
  options.named("--measure", "small", "model whose training step is timed: none, small or long",
                [&](const std::string& name) { measured = measured_model(name); });
  options.size("--repeat", repeat, "steps that are timed; their median is reported", 1, 1000);
  options.offer_picture("who computes which scores");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    report.layout(1, 1);
    refuse_bad_sizes(sizes, runtime.world().size());
    const Trial trial(runtime, sizes, static_cast<float>(dropout));
    check_work(runtime, report, trial);
    draw_work(runtime, report, sizes.context);
    check_attention(runtime, report, trial);
    check_traffic(runtime, report, trial);
    check_model(runtime, report, sizes, static_cast<float>(dropout));
    check_layouts(runtime, report, sizes, dropout);
    show_failing_designs(runtime, report, sizes);
    show_published_efficiency(report);
    show_hiding(report);
    if (measured.name != "none") chapter_20::compare_speed(runtime, report, measured, repeat);
  });
}
