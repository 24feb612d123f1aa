#include "chapters/22_the_whole_grid/switches.h"

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

void add_options(Options& options, Switches& s) {
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

void require_consistent(const Switches& s) {
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
  return name.empty() ? "tensor and data parallel" : name;
}

}  // namespace shard::chapter_22
