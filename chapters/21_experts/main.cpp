// Chapter 21: experts. A router sends each token to a few of many MLPs; the tokens travel to the
// ranks that have these, and their results travel back.
#include "chapters/21_experts/balance.h"
#include "chapters/21_experts/capacity.h"
#include "chapters/21_experts/failing_designs.h"
#include "chapters/21_experts/layer_checks.h"
#include "chapters/21_experts/model_checks.h"
#include "chapters/21_experts/picture.h"

using namespace shard;
using namespace shard::chapter_21;

void show_layer(Report& report) {
  report.heading(
      "The layer: what rank r does with its own tokens, and others' tokens for its experts");
  report.line(
      "  x ─ router ─ permute ─ all-to-all ─ sort ─ experts ─ unsort ─ all-to-all ─ Σ w·z ─ y");
  report.line(
      "      own tokens, by expert  │   others' tokens, by expert   │   own tokens, in order");
}

void refuse_bad_sizes(const Sizes& s, int ranks) {
  require_usage(s.chosen <= s.experts, "--chosen ", s.chosen, " is more than --experts ",
                s.experts);
  require_usage(s.experts >= 6, "--experts ", s.experts,
                " are too few: one is left without tokens");
  const auto product = [](auto... sizes) { return (static_cast<double>(sizes) * ...); };
  require_memory(16 * product(2, s.experts, s.width, s.hidden) +
                     80 * product(s.tokens, s.chosen, s.width + s.hidden) * ranks,
                 text("--tokens ", s.tokens, " × --width ", s.width, " × --hidden ", s.hidden,
                      " × --experts ", s.experts));
}

int main(int argc, char** argv) {
  Sizes sizes;
  int64_t layers = 2;
  Options options("21_experts", "a mixture of experts: tokens travel to weights");
  options.size("--tokens", sizes.tokens, "tokens of all ranks together", 20);
  options.size("--width", sizes.width, "columns of X", 4);
  options.size("--hidden", sizes.hidden, "columns of an expert's hidden layer", 4);
  options.size("--experts", sizes.experts, "experts", 6, 64);
  options.size("--chosen", sizes.chosen, "experts that each token goes to", 2, 8);
  options.size("--layers", layers, "blocks of the model", 1, 100);
  options.offer_picture("which tokens travel where");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    report.layout(1, runtime.world().size());
    refuse_bad_sizes(sizes, runtime.world().size());
    show_layer(report);
    show_counts(runtime, report, sizes);
    if (!options.picture.empty()) draw_journeys(runtime, report, sizes);
    check_formula(runtime, report, sizes);
    check_layouts(runtime, report, sizes);
    check_calls_of_layer(runtime, report, sizes);
    show_capacities(runtime, report, sizes);
    check_independence(runtime, report, sizes);
    check_balance_loss(runtime, report, sizes);
    show_bias(runtime, report, sizes);
    check_model(runtime, report, layers);
    show_failing_designs(runtime, report, sizes);
  });
}
