// Chapter 13: sequence parallelism. An all-reduce is a reduce-scatter and an all-gather; what lies
// between them, norms, dropouts and residuals, needs only 1/t of the rows.
#include "chapters/13_sequence_parallel/block_checks.h"
#include "chapters/13_sequence_parallel/memory.h"
#include "chapters/13_sequence_parallel/model_checks.h"
#include "chapters/13_sequence_parallel/picture.h"
#include "chapters/13_sequence_parallel/speed.h"
#include "chapters/13_sequence_parallel/wrong_designs.h"

using namespace shard;
using namespace shard::chapter_13;

void show_block(Report& report) {
  report.heading("The block: ─ each rank its rows; ═ sharded, each rank its heads or columns");
  report.line(
      "  x ─┬─ norm₁ ─ g ═ attention ═ ḡ ─ dropout ─ + ─ u    g: forward all-gather, backward "
      "reduce-scatter");
  report.line("     └────────────────────────────────────────┘");
  report.line(
      "  u ─┬─ norm₂ ─ g ═════ MLP ═══ ḡ ─ dropout ─ + ─ y    ḡ: forward reduce-scatter, backward "
      "all-gather");
  report.line("     └────────────────────────────────────────┘");
}

void refuse_bad_sizes(const Sizes& s, int64_t layers, int ranks) {
  require_usage(s.width % s.heads == 0, "--width ", s.width, " cannot be divided into --heads ",
                s.heads);
  require_usage(s.heads % ranks == 0, "--heads ", s.heads, " cannot be divided evenly among ",
                ranks, " ranks");
  require_usage(s.batch * s.context >= ranks, "--batch ", s.batch, " × --context ", s.context,
                " are fewer rows than ", ranks, " ranks");
  const auto width = static_cast<double>(s.width), rows = static_cast<double>(s.batch * s.context);
  const double weights = 12 * width * width * static_cast<double>(layers + 5);
  require_memory(8 * (weights + 100 * rows * width * static_cast<double>(layers)),
                 text("--batch ", s.batch, " × --context ", s.context, " × --width ", s.width,
                      " × --layers ", layers));
}

int main(int argc, char** argv) {
  Sizes sizes{.batch = 5, .context = 7, .heads = 12, .width = 36, .hidden = 0};
  int64_t layers = 2, repeat = 10;
  double probability = 0.2;
  MeasuredModel measured = measured_model("small");
  Options options("13_sequence_parallel",
                  "sequence parallelism: norms, dropouts and residuals on 1/t of the rows");
  options.size("--batch", sizes.batch, "sequences");
  options.size("--context", sizes.context, "tokens of a sequence", 2);
  options.size("--heads", sizes.heads, "heads of the attention");
  options.size("--width", sizes.width, "columns of X", 8);
  options.size("--layers", layers, "blocks of the model", 1, 1000);
  options.number("--dropout", probability, "probability of dropping an element", 0.05, 0.9);
  options.named("--measure", "small", "model whose training step is timed: none, small or large",
                [&](const std::string& name) { measured = measured_model(name); });
  options.size("--repeat", repeat, "steps that are timed; their median is reported", 1, 1000);
  options.offer_picture("what each rank has of an MLP's activations");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    const int ranks = runtime.world().size();
    report.layout(ranks, 1);
    refuse_bad_sizes(sizes, layers, ranks);
    sizes.hidden = 4 * sizes.width;
    Trial trial(runtime, sizes, {.seed = options.seed, .weight = 0.2f, .vector = 0.5f});
    const DropoutMoment moment{
        .probability = static_cast<float>(probability), .seed = options.seed, .pass = 5};
    show_block(report);
    show_rows(runtime, report, trial);
    if (!options.picture.empty()) draw_regions(runtime, report, trial);
    report.heading(text("A block on own rows, with dropout of ", probability));
    check_block(runtime, report, trial, moment);
    check_partial_gradients(runtime, report, trial, moment);
    compare_collectives(runtime, report, trial);
    check_bytes_kept(runtime, report, trial);
    show_table_2(report);
    check_layouts(runtime, report, sizes, layers, probability);
    show_wrong_designs(runtime, report, trial, moment);
    if (measured.name != "none") compare_speed(runtime, report, measured, repeat);
  });
}
