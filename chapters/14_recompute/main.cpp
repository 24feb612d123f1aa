// Chapter 14: activations that are computed again instead of being kept. The same gradients to the
// last bit, with less memory and more FLOPs.
#include <algorithm>

#include "chapters/14_recompute/one_block.h"
#include "chapters/14_recompute/published.h"
#include "chapters/14_recompute/whole_model.h"

using namespace shard;
using namespace shard::chapter_14;

void require_sizes(const Sizes& sizes, int ranks) {
  const auto [batch, context, heads, width, layers, vocabulary] = sizes;
  require_usage(width % heads == 0, "--width ", width, " cannot be divided into --heads ", heads);
  require_usage(heads % ranks == 0, "--heads ", heads, " cannot be divided evenly among ", ranks,
                " ranks");
  const auto tokens = static_cast<double>(sizes.tokens()), columns = static_cast<double>(width);
  const double weights =
      4 * columns *
      (12 * columns * (1 + static_cast<double>(layers)) + static_cast<double>(vocabulary));
  const double scores = 8 * static_cast<double>(heads * context);
  const double activations = 4 * tokens *
                             (40 * columns * (1 + static_cast<double>(layers)) + scores +
                              4 * static_cast<double>(vocabulary));
  require_memory(4 * weights + activations,
                 text("--batch ", batch, " × --context ", context, " × --width ", width,
                      " × --layers ", layers, " × --vocabulary ", vocabulary));
}

int main(int argc, char** argv) {
  Sizes sizes;
  double probability = 0.1, memory = 0;
  int64_t repeat = 5;
  Options options("14_recompute",
                  "recomputation of activations: none, selective, full, and what does not fit");
  options.size("--batch", sizes.batch, "sequences");
  options.size("--context", sizes.context, "tokens of a sequence");
  options.size("--heads", sizes.heads, "heads of the attention");
  options.size("--width", sizes.width, "columns of X");
  options.size("--layers", sizes.layers, "blocks of the whole model");
  options.size("--vocabulary", sizes.vocabulary, "tokens that there are", 2);
  options.number("--dropout", probability, "probability of dropping an element", 0.05, 0.9);
  options.number("--memory", memory,
                 "MB that the activations kept by a rank may take; 0: two thirds of what the whole "
                 "model keeps without recomputation, but no less than it can do with",
                 0, 1e9);
  options.size("--repeat", repeat, "how often each step is timed");
  options.offer_picture("what is kept during a step");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    const int ranks = runtime.world().size();
    report.layout(ranks, 1);
    require_sizes(sizes, ranks);
    const DropoutMoment moment{
        .probability = static_cast<float>(probability), .seed = options.seed, .pass = 5};
    WholeModel model(runtime, report, sizes, moment);
    const ModelBytes bytes = model.largest_bytes();
    const int64_t limit =
        memory > 0 ? static_cast<int64_t>(memory * 1e6)
                   : std::max(most_kept(bytes, 0) * 2 / 3, most_kept(bytes, sizes.layers));
    const int64_t fitting = fewest_recomputed(bytes, limit);  // too little memory is refused here
    compare_designs(runtime, report, sizes, moment);
    compare_with_published(report);
    show_other_masks(runtime, report, sizes, moment);
    model.compare(fitting, limit);
    model.time(fitting, repeat);
  });
}
