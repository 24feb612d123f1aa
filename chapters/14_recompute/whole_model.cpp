#include "chapters/14_recompute/whole_model.h"

#include <algorithm>
#include <set>

#include "common/check/compare.h"
#include "common/check/timing.h"
#include "common/draw/plot.h"

namespace shard::chapter_14 {
namespace {

Tensor random_ids(Runtime& runtime, const Sizes& sizes, const std::string& name) {
  const RandomStream random{runtime.options().seed, stream_of(name)};
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < sizes.tokens(); ++i) {
    ids.push_back(static_cast<int32_t>(
        random.below(static_cast<uint32_t>(sizes.vocabulary), static_cast<uint64_t>(i))));
  }
  return Tensor::from(runtime.backend(), {sizes.tokens()}, std::span<const int32_t>(ids));
}

GptSizes gpt_sizes(const Sizes& s) {
  return {.vocabulary = s.vocabulary,
          .context = s.context,
          .width = s.width,
          .heads = s.heads,
          .layers = s.layers};
}

std::string megabytes(int64_t bytes) { return fixed(static_cast<double>(bytes) / 1e6, 2) + " MB"; }

/// None, `fitting` and all, each once.
std::set<int64_t> numbers(int64_t fitting, int64_t all) { return {0, fitting, all}; }

}  // namespace

WholeModel::WholeModel(Runtime& runtime, Report& report, const Sizes& sizes,
                       const DropoutMoment& moment)
    : runtime_(runtime),
      report_(report),
      sizes_(sizes),
      moment_(moment),
      model_(runtime.world(), gpt_sizes(sizes), {.seed = runtime.options().seed}),
      tokens_(random_ids(runtime, sizes, "tokens")),
      targets_(random_ids(runtime, sizes, "targets")) {}

ModelWork WholeModel::work_on(int rank) const {
  return {.block = sizes_.work(runtime_.world().size(), rank, moment_),
          .layers = sizes_.layers,
          .columns = vocabulary_part(sizes_.vocabulary, runtime_.world()).size()};
}

void WholeModel::recompute_first(int64_t recomputed) {
  for (int64_t i = 0; i < sizes_.layers; ++i)
    model_.blocks[static_cast<size_t>(i)]->recomputes = i < recomputed;
}

WholeModel::Step WholeModel::step(int64_t recomputed) {
  recompute_first(recomputed);
  zero_gradients(model_.parameters());
  const Ledger before = runtime_.ledger();
  const uint64_t flops_before = runtime_.backend().flops();
  Step step;
  step.recomputed = recomputed;
  step.kept = kept_over_time(model_, tokens_, targets_, sizes_.batch, moment_);
  step.most_kept = *std::ranges::max_element(step.kept);
  step.flops = static_cast<int64_t>(runtime_.backend().flops() - flops_before);
  step.ledger = runtime_.ledger().since(before);
  for (const Parameter* parameter : model_.parameters())
    step.gradients.push_back(parameter->gradient.clone());
  return step;
}

void WholeModel::check(const Step& step, const Step& of_none) {
  const auto name = [&](const char* what) {
    return text(step.recomputed, " of ", sizes_.layers, " recomputed: ", what);
  };
  const int64_t most = most_kept(kept_bytes(work_on(rank())), step.recomputed);
  report_.check(name("kept at most what the plan says, to the byte"), step.most_kept == most,
                text(step.most_kept, " bytes instead of ", most));
  report_.check(name("FLOPs as the formula says"),
                step.flops == flops_of(work_on(rank()), step.recomputed),
                text(step.flops, " FLOPs instead of ", flops_of(work_on(rank()), step.recomputed)));
  check_calls(report_, name("one all-reduce more for each of these blocks"), step.ledger,
              calls_of(work_on(rank()), step.recomputed));
  if (step.recomputed == 0) return;
  bool same = true;
  for (size_t i = 0; i < step.gradients.size(); ++i)
    same = same && same_bits(step.gradients[i], of_none.gradients[i]);
  report_.check(name("all gradients are the same, bit for bit"), same);
}

void WholeModel::compare(int64_t fitting, int64_t limit) {
  report_.heading(text("A GPT of ", sizes_.layers, " blocks that may keep ", megabytes(limit),
                       " (--memory): the first ", fitting, " must be recomputed"));
  std::vector<Step> steps;
  Table table({"recomputed", "kept after forward", "at most", "MFLOP", "all-reduces"});
  for (const int64_t recomputed : numbers(fitting, sizes_.layers)) {
    const Step& taken = steps.emplace_back(step(recomputed));
    table.row({text(recomputed, " of ", sizes_.layers, recomputed == fitting ? " (fits)" : ""),
               megabytes(taken.kept[static_cast<size_t>(sizes_.layers)]),
               megabytes(taken.most_kept), fixed(static_cast<double>(taken.flops) / 1e6, 1),
               text(taken.ledger.calls(Collective::all_reduce))});
    if (recomputed == fitting) report_.result("most_kept", static_cast<double>(taken.most_kept));
  }
  report_.table(table);
  for (const Step& taken : steps) check(taken, steps.front());
  report_.check("it fits, and with one block less it would not",
                most_kept(largest_bytes(), fitting) <= limit &&
                    (fitting == 0 || most_kept(largest_bytes(), fitting - 1) > limit));
  report_.result("recomputed_blocks", static_cast<double>(fitting));
  if (!runtime_.options().picture.empty()) draw(steps, limit);
}

void WholeModel::time(int64_t fitting, int64_t repeat) {
  report_.heading(text("The time of a step, the median of ", repeat, " (a measurement, no check)"));
  std::vector<std::function<void()>> steps;
  for (const int64_t recomputed : numbers(fitting, sizes_.layers)) {
    steps.push_back([this, recomputed] {
      recompute_first(recomputed);
      model_.forward_backward({tokens_, targets_, sizes_.batch}, moment_, 1.0f);
    });
  }
  const std::vector<Timing> times = time_in_turns(runtime_, steps, repeat);
  Table table({"recomputed", "time", "by time", "by FLOPs"});
  const auto ratio = [](double a, double b) { return fixed(a / b, 3) + " ×"; };
  size_t i = 0;
  for (const int64_t recomputed : numbers(fitting, sizes_.layers)) {
    const double seconds = times[i++].seconds;
    table.row({text(recomputed, " of ", sizes_.layers), seconds_text(seconds),
               ratio(seconds, times[0].seconds),
               ratio(static_cast<double>(flops_of(work_on(rank()), recomputed)),
                     static_cast<double>(flops_of(work_on(rank()), 0)))});
  }
  report_.table(table);
  report_.result("time_of_full_recomputation", times.back().seconds / times[0].seconds);
}

void WholeModel::draw(const std::vector<Step>& steps, int64_t limit) {
  Plot plot{.x_name = "blocks of the forward pass, then of the backward pass",
            .y_name = "MB kept on rank 0",
            .curves = {},
            .limit = static_cast<double>(limit) / 1e6,
            .limit_name = "--memory"};
  for (const Step& step : steps) {
    Curve& curve =
        plot.curves.emplace_back(Curve{.name = text(step.recomputed, " recomputed"), .points = {}});
    for (size_t i = 0; i < step.kept.size(); ++i)
      curve.points.push_back({static_cast<double>(i + 1), static_cast<double>(step.kept[i]) / 1e6});
  }
  PicturePage page(
      "What is kept during a step",
      text("The bytes that rank 0 keeps after each block's forward pass, after the loss, and at "
           "the beginning of each block's backward pass, for a GPT of ",
           sizes_.layers, " blocks. Without recomputation they rise to ",
           megabytes(steps.front().most_kept), ", with all blocks recomputed to ",
           megabytes(steps.back().most_kept), "."));
  plot.add_to(page);
  report_.picture(page.drawn());
}

}  // namespace shard::chapter_14
