#include "chapters/20_context_parallel/traffic.h"

#include <algorithm>

#include "chapters/20_context_parallel/ring_traffic.h"
#include "common/check/calls.h"
#include "common/check/reference.h"

namespace shard::chapter_20 {

using reference::larger;
using reference::relative_error;

namespace {

/// What a layer should send in one direction.
struct Expected {
  std::vector<Calls> calls;  // of this rank
  double units = 0;          // of N·h, that a rank sends where all have equally many tokens
  std::string formula, about;
};
struct BothWays {
  Expected forward, backward;
};

/// The sizes that all formulas have.
struct Counts {
  int64_t c, rank, width, rows;  // of all ranks
  std::vector<int64_t> kv;       // bytes of each rank's keys and values

  Counts(const ContextAttention& way, const Trial& trial)
      : c(way.group().size()),
        rank(way.group().rank()),
        width(trial.sizes.width),
        rows(trial.sizes.batch * trial.sizes.context) {
    for (int owner = 0; owner < c; ++owner)
      kv.push_back(4 * trial.sizes.batch * way.cut().tokens(trial.sizes.context, owner) * 2 *
                   width);
  }
  int64_t kv_of(int64_t owner) const { return kv[static_cast<size_t>(owner % c)]; }
  double ranks() const { return static_cast<double>(c); }
  double ring() const { return 2 * (ranks() - 1) / ranks(); }
};

//! [20-traffic]
BothWays of_ring(const Counts& n) {
  if (n.c == 1) return {{{}, 0, "0", "nothing"}, {{}, 0, "0", "nothing"}};
  const auto calls = [](const RingTraffic& ring) -> std::vector<Calls> {
    return {{Collective::send, ring.messages, ring.sent},
            {Collective::receive, ring.messages, ring.received}};
  };
  const int rank = static_cast<int>(n.rank);
  return {{calls(forward_ring_traffic(n.kv, rank)), n.ring(), "2(c-1)/c", "c-1 hops of k and v"},
          {calls(backward_ring_traffic(n.kv, rank)), n.ring() + 2, "2(c-1)/c + 2",
           "c-1 hops again, and c of dk and dv"}};
}

/// q, k and v of own tokens are given to one all-to-all, the output of own heads to the other; on
/// the way back, the output's gradient and that of q, k and v.
BothWays of_ulysses(const Counts& n) {
  const int64_t own_tokens = n.kv_of(n.rank) / 2, own_heads = 4 * n.rows * n.width / n.c;
  const double units = 2 * n.ring() / n.ranks();
  return {{{{Collective::all_to_all, 2, 3 * own_tokens + own_heads}},
           units,
           "4(c-1)/c²",
           "all-to-alls of q k v and of the output"},
          {{{Collective::all_to_all, 2, own_tokens + 3 * own_heads}},
           units,
           "4(c-1)/c²",
           "all-to-alls of the output's gradient and of dq dk dv"}};
}

/// Where ranks have unequally many tokens, the gradients are padded.
BothWays of_gathered(const Counts& n) {
  const int64_t most = *std::ranges::max_element(n.kv);
  return {{{{Collective::all_gather, 1, n.kv_of(n.rank)}},
           n.ring(),
           "2(c-1)/c",
           "one all-gather of k and v"},
          {{{Collective::reduce_scatter, 1, n.c * most}},
           n.ring(),
           "2(c-1)/c",
           "one reduce-scatter of dk and dv"}};
}
//! [20-traffic]

BothWays expected_of(const ContextAttention& way, const Trial& trial) {
  const Counts counts(way, trial);
  if (way.name() == "ring") return of_ring(counts);
  return way.name() == "Ulysses" ? of_ulysses(counts) : of_gathered(counts);
}

}  // namespace

void check_traffic(Runtime& runtime, Report& report, const Trial& trial) {
  report.heading("What rank 0 sends of one layer, in units of N·h: N tokens of all ranks, width h");
  Communicator& world = runtime.world();
  const double unit =
      4.0 * static_cast<double>(trial.sizes.batch * trial.sizes.context * trial.sizes.width);
  Table table({"", "forward", "formula", "", "backward", "formula", ""});
  double error = 0;
  const std::vector<Way> ways = ways_of(world);
  std::vector<Pass> passes;
  for (const Way& way : ways) {
    const Pass& pass = passes.emplace_back(runtime, *way, trial);
    const auto& [forward, backward] = expected_of(*way, trial);
    const auto sent = [&](const Ledger& ledger) {
      return static_cast<double>(ledger.sent()) / unit;
    };
    table.row({name_of(*way), fixed(sent(pass.forward), 3), fixed(forward.units, 3),
               forward.formula, fixed(sent(pass.backward), 3), fixed(backward.units, 3),
               backward.formula});
    const auto of_all = [&](const Ledger& ledger) { return world.sum_of(sent(ledger)); };
    error = larger(error, relative_error(of_all(pass.forward), world.size() * forward.units));
    error = larger(error, relative_error(of_all(pass.backward), world.size() * backward.units));
  }
  report.table(table);
  for (size_t i = 0; i < ways.size(); ++i) {
    const auto& [forward, backward] = expected_of(*ways[i], trial);
    const std::string name = name_of(*ways[i]);
    check_calls(report, name + ", forward: " + forward.about, passes[i].forward, forward.calls);
    check_calls(report, name + ", backward: " + backward.about, passes[i].backward, backward.calls);
  }
  if (trial.sizes.context % (2 * world.size()) == 0)
    report.check("all ranks together send c times the formula, each way", error, 1e-6);
}

}  // namespace shard::chapter_20
