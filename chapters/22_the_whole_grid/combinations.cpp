#include "chapters/22_the_whole_grid/combinations.h"

namespace shard::chapter_22 {

//! [22-combinations]
std::vector<Combination> combinations_of(int ranks, int64_t heads,
                                         const TrainingSettings& settings) {
  std::vector<Combination> all;
  for (const chapter_10::Layout grid : chapter_10::layouts_of(ranks, heads, settings)) {
    for (const bool sequence_parallel : {false, true}) {
      for (const Recompute recompute : {Recompute::none, Recompute::full}) {
        for (int64_t shard = 0; shard <= 3; ++shard) {
          if ((sequence_parallel && grid.tp == 1) || (shard > 0 && grid.dp == 1)) continue;
          all.push_back({grid,
                         {.sequence_parallel = sequence_parallel,
                          .recompute = recompute,
                          .shard_optimizer = shard}});
        }
      }
    }
  }
  return all;
}
//! [22-combinations]

namespace {

/// The least number of ranks of a grid that is tried: with more than 4, there are too many smaller
/// ones.
int least_ranks(int ranks) { return ranks > 4 ? ranks : 1; }

/// Calls visit(tp, cp, pp, dp) for the grids of at most `ranks` ranks that the model fits on.
template <class Visit>
void for_each_grid(int ranks, int64_t heads, const TrainingSettings& settings, const Visit& visit) {
  for (int used = least_ranks(ranks); used <= ranks; ++used) {
    for (int tp = 1; tp <= used; ++tp) {
      for (int cp = 1; cp * tp <= used; ++cp) {
        for (int pp = 1; pp * cp * tp <= used; ++pp) {
          const int dp = used / (tp * cp * pp);
          if (tp * cp * pp * dp == used && heads % tp == 0 &&
              settings.batch >= dp * settings.accumulate)
            visit(tp, cp, pp, dp);
        }
      }
    }
  }
}

}  // namespace

std::vector<Combination> combinations_on_further_axes(int ranks, int64_t heads,
                                                      const TrainingSettings& settings) {
  std::vector<Combination> all;
  for_each_grid(ranks, heads, settings, [&](int tp, int cp, int pp, int dp) {
    if (cp * pp == 1) return;
    const Combination plain{{tp, dp}, {.cp = cp, .pp = pp}};
    Combination everything = plain;
    everything.switches.sequence_parallel = tp > 1;
    everything.switches.recompute = Recompute::full;
    if (cp * dp > 1) everything.switches.shard_optimizer = pp > 1 ? 2 : 3;
    all.insert(all.end(), {plain, everything});
    if (pp == 1) return;
    for (const char* schedule : {"interleaved", "zb-h1"}) {
      Combination other = everything;
      other.switches.schedule = schedule;
      if (schedule == std::string("interleaved")) other.switches.chunks = 2;
      other.switches.shard_optimizer = cp * dp > 1 ? 1 : 0;
      all.push_back(other);
    }
  });
  return all;
}

std::vector<Combination> combinations_with_experts(int ranks, int64_t heads,
                                                   const TrainingSettings& settings) {
  std::vector<Combination> all;
  for_each_grid(ranks, heads, settings, [&](int tp, int cp, int pp, int dp) {
    for (int ep = 1; ep <= cp * dp; ++ep) {
      if (cp * dp % ep != 0) continue;
      Combination one{{tp, dp}, {.cp = cp, .pp = pp, .experts = 5, .ep = ep}};
      one.switches.recompute = ep > 1 ? Recompute::full : Recompute::none;
      one.switches.shard_optimizer = ep > 1 && pp == 1 ? 1 : 0;
      all.push_back(one);
    }
  });
  return all;
}

std::string grid_of(const Combination& combination) {
  const auto& [grid, switches] = combination;
  std::string name;
  const auto add = [&](const char* axis, int64_t size) {
    if (size > 1) name += text(name.empty() ? "" : " × ", axis, " ", size);
  };
  add("tp", grid.tp), add("cp", switches.cp), add("pp", switches.pp), add("dp", grid.dp);
  return name.empty() ? "1 rank" : name;
}

int ranks_of(const Combination& combination) {
  const auto& [grid, switches] = combination;
  return grid.tp * grid.dp * static_cast<int>(switches.cp * switches.pp);
}

}  // namespace shard::chapter_22
