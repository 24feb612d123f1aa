#include "chapters/22_the_whole_grid/switches.h"

#include <algorithm>

#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "common/base/error.h"

namespace shard::chapter_22 {

static Recompute recompute_named(const std::string& name) {
  if (name == "none") return Recompute::none;
  if (name == "selective") return Recompute::selective;
  require_usage(name == "full", "--recompute ", name, ": it is none, selective or full");
  return Recompute::full;
}

std::string to_string(Recompute recompute) {
  if (recompute == Recompute::none) return "none";
  return recompute == Recompute::selective ? "selective" : "full";
}

static void add_options_of_axes(Options& options, Switches& s) {
  options.group("Further axes");
  options.size("--cp", s.cp, "context-parallel ranks, which share out each sequence's tokens", 1,
               1 << 20);
  options.size("--pp", s.pp, "stages of a pipeline, which share out the layers", 1, 1 << 20);
  options.named("--schedule", s.schedule, "of the pipeline: gpipe, 1f1b, interleaved or zb-h1",
                [&](const std::string& name) {
                  require_usage(std::ranges::count(schedule_names(), name) > 0, "--schedule ", name,
                                ": it is gpipe, 1f1b, interleaved or zb-h1");
                  s.schedule = name;
                });
  options.size("--chunks", s.chunks, "parts of the model on each stage, with interleaved");
  options.size("--experts", s.experts, "MLPs of each block, which share out the tokens; 0: one", 0);
  options.size("--top-k", s.top_k, "experts of each token");
  options.size("--ep", s.ep, "ranks with different experts, among those of --cp × --dp", 1,
               1 << 20);
  options.text("--order", s.order, "the axes of the grid, the fastest first: tp-cp-pp-dp");
}

void add_options(Options& options, Switches& s) {
  add_options_of_axes(options, s);
  options.group("What is cut, and what is not kept");
  options.flag("--sequence-parallel", s.sequence_parallel,
               "tp ranks share out the rows wherever they do not share out the columns");
  options.named("--recompute", "none",
                "none; selective: attention's probabilities, which the fused attention does "
                "anyway; full: whole blocks",
                [&](const std::string& name) { s.recompute = recompute_named(name); });
  options.number("--memory", s.memory,
                 "MB of activations that a rank may keep: as few blocks as that allows are "
                 "recomputed; 0: all",
                 0, 1e9);
  options.size("--shard-optimizer", s.shard_optimizer,
               "what dp ranks share out: 0 nothing, 1 the optimizer's moments, 2 gradients, too, 3 "
               "weights, too",
               0, 3);
  options.flag("--no-prefetch", s.no_prefetch,
               "with --shard-optimizer 3: weights are gathered only when they are needed");
}

/// What has no form yet, or cannot have one.
static void require_combination(const Switches& s) {
  require_usage(s.experts > 0 || s.ep == 1, "--ep ", s.ep, " needs --experts");
  require_usage(s.experts == 0 || s.top_k <= s.experts, "--top-k ", s.top_k, " of --experts ",
                s.experts, " cannot be chosen");
  require_usage(s.experts == 0 || s.ep <= s.experts, "--ep ", s.ep, " ranks for --experts ",
                s.experts, " would leave some without an expert");
  require_usage(s.experts == 0 || !s.sequence_parallel,
                "--experts with --sequence-parallel: experts have no form that takes cut rows");
  require_usage(s.shard_optimizer < 3 || s.pp == 1, "--shard-optimizer 3 with --pp ", s.pp,
                ": a stage's units would be gathered anew for each of its micro-batches");
  require_usage(
      s.shard_optimizer < 3 || s.experts == 0,
      "--shard-optimizer 3 with --experts: all ranks of --cp × --dp share out a unit, but "
      "only some of them an expert");
  require_usage(s.schedule != "interleaved" || s.chunks > 1,
                "--schedule interleaved needs --chunks of 2 or more");
  require_usage(s.chunks == 1 || (s.schedule == "interleaved" && s.pp > 1), "--chunks ", s.chunks,
                " needs --schedule interleaved and --pp above 1");
  const bool in_pieces = s.chunks > 1 || s.schedule == "zb-h1";
  require_usage(s.shard_optimizer != 2 || !in_pieces, "--shard-optimizer 2 with --schedule ",
                s.schedule, ": it reduces after each backward pass, which comes in pieces here");
  require_usage(
      s.memory == 0 || (!is_in_parts(s) && s.experts == 0),
      "--memory counts what a whole, dense model keeps: without --cp, --pp and --experts");
}

void require_consistent(const Switches& s) {
  require_combination(s);
  require_usage(s.memory == 0 || s.recompute == Recompute::full, "--memory ", s.memory,
                " needs --recompute full, which recomputes the blocks that do not fit");
  require_usage(!s.no_prefetch || s.shard_optimizer == 3,
                "--no-prefetch needs --shard-optimizer 3, which gathers weights");
}

std::string name_of(const Switches& s) {
  std::string name;
  const auto add = [&](const std::string& part) { name += (name.empty() ? "" : ", ") + part; };
  if (s.sequence_parallel) add("sequence parallel");
  if (s.recompute != Recompute::none) add("recompute " + to_string(s.recompute));
  if (s.shard_optimizer > 0) add("shard " + std::to_string(s.shard_optimizer));
  if (s.no_prefetch) add("no prefetch");
  if (s.cp > 1) add("context parallel");
  if (s.pp > 1) add(s.schedule + (s.chunks > 1 ? text(" in ", s.chunks, " chunks") : ""));
  if (s.experts > 0) add(text(s.experts, " experts on ", s.ep, s.ep == 1 ? " rank" : " ranks"));
  return name.empty() ? "tensor and data parallel" : name;
}

}  // namespace shard::chapter_22
