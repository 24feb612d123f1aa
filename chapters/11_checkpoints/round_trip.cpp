#include "chapters/11_checkpoints/round_trip.h"

#include "chapters/10_tensor_and_data_parallel/picture.h"
#include "chapters/11_checkpoints/comparison.h"
#include "chapters/11_checkpoints/temporary_folder.h"
#include "common/check/reference.h"

namespace shard::chapter_11 {
namespace {

using chapter_10::Layout;

std::string name_of(Layout layout) { return text(layout.tp, " × ", layout.dp); }

/// What is not given is small: many models are trained here.
void choose_small_model(Settings& s, Runtime& runtime) {
  const Options& options = runtime.options();
  const auto choose = [&](const char* option, int64_t& value, int64_t usual) {
    if (!options.given(option)) value = usual;
  };
  choose("--layers", s.sizes.layers, 2);
  choose("--heads", s.sizes.heads, 12);  // so that 1, 2, 3, 4 and 6 ranks can share them out
  choose("--width", s.sizes.width, 48);
  choose("--context", s.sizes.context, 32);
  choose("--steps", s.training.steps, 8);
  choose("--warmup", s.training.warmup, 2);
  const int ranks = runtime.world().size();
  if (s.tp == 0 && s.dp == 0 && ranks > 2 && ranks % 2 == 0) s.tp = 2;
  require_usage(s.training.steps >= 4, "--steps ", s.training.steps,
                ": a run that is interrupted and resumed takes at least 4 steps");
}

/// Who writes what: every byte of the files' tensors once.
void show_writers(Runtime& runtime, Report& report, BrokenRun& run, const std::string& checkpoint) {
  report.heading("What each rank writes");
  Table table({"rank", "bytes of weights and moments"});
  const auto all = runtime.world().gather_text(std::to_string(run.bytes_written()));
  double sum = 0, whole = 0;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    table.row({std::to_string(rank), all[rank]});
    sum += std::stod(all[rank]);
  }
  const TrainingState state = run.state();
  for (const auto* tensors : {&state.weights, &state.moments}) {
    for (const StateTensor& tensor : *tensors)
      whole += 4.0 * static_cast<double>(tensor.shard.whole.elements());
  }
  report.table(table);
  report.line(
      text("  together ", bytes_text(sum), ", in ", checkpoint.substr(checkpoint.rfind('/') + 1)));
  report.check("every element of every tensor is written by one rank", sum == whole);
}

void compare_layouts(Runtime& runtime, Report& report, const Settings& s, Layout saved,
                     Comparison& comparison) {
  const int64_t half = s.training.steps / 2;
  report.heading(
      text("Saved on ", name_of(saved), " after step ", half, ", and resumed from there"));
  std::vector<std::string> heading{"tp × dp"}, unbroken{name_of(saved) + ", not interrupted"};
  for (size_t i = 0; i < comparison.losses().size(); ++i) {
    heading.push_back(text("loss ", half + 1 + static_cast<int64_t>(i)));
    unbroken.push_back(fixed(comparison.losses()[i], 6));
  }
  heading.insert(heading.end(), {"losses differ by", "weights by"});
  unbroken.insert(unbroken.end(), {"", ""});
  Table table(heading);
  table.row(unbroken);
  Difference same, others;
  for (const Layout layout :
       chapter_10::layouts_of(runtime.world().size(), s.sizes.heads, s.training)) {
    const Difference found = comparison.go_on(layout);
    table.row(found.row(name_of(layout)));
    Difference& all = layout.tp == saved.tp && layout.dp == saved.dp ? same : others;
    all.of_losses = reference::larger(all.of_losses, found.of_losses);
    all.of_weights = reference::larger(all.of_weights, found.of_weights);
    others.same_files = others.same_files && found.same_files;
  }
  const Difference forgetful = comparison.go_on(saved, true);
  table.row(forgetful.row(name_of(saved) + " without the moments"));
  report.table(table);
  const bool exact = runtime.backend().device() == Device::cpu,  // a GPU adds in any order
      bf16 = type_of(s.training.precision) == DataType::bf16 ||
             type_of(s.training.reduce_in) == DataType::bf16;
  const double of_losses = bf16 ? 2e-2 : 1e-5, of_weights = bf16 ? 2e-2 : 1e-4;
  report.check("every layout saves again, byte by byte, what it has read", others.same_files);
  report.check("the same layout: losses", same.of_losses, exact ? 0.0 : of_losses);
  report.check("the same layout: weights", same.of_weights, exact ? 0.0 : of_weights);
  report.check("other layouts: losses", others.of_losses, of_losses);
  report.check("other layouts: weights", others.of_weights, of_weights);
  report.check("without AdamW's moments the losses are others", forgetful.of_losses > 1e-4);
}

}  // namespace

void show_round_trips(Runtime& runtime, Report& report, Settings& s) {
  choose_small_model(s, runtime);
  chapter_10::complete(s, runtime);
  report.layout(static_cast<int>(s.tp), static_cast<int>(s.dp));
  const chapter_10::Corpus corpus(chapter_10::source_of(s), s);
  const TemporaryFolder folder(runtime.world());
  const Tf32Products tf32(runtime.backend(), s.training.precision == Precision::tf32);
  const Layout saved{static_cast<int>(s.tp), static_cast<int>(s.dp)};
  Comparison comparison(runtime.world(), s, corpus, folder.path());
  {
    BrokenRun unbroken(runtime.world(), saved, s, corpus);
    comparison.take_unbroken(unbroken);
    if (!runtime.options().picture.empty()) unbroken.draw(runtime, report);
    show_writers(runtime, report, unbroken, comparison.middle());
  }
  compare_layouts(runtime, report, s, saved, comparison);
  report.line(
      "\n  --save DIR saves checkpoints of a training run, --resume latest continues from the "
      "last");
}

}  // namespace shard::chapter_11
