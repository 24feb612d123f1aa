// The answers are compared with the model, and with the model with one mistake in it.
#include "exercises/23_planner/2_across_nodes.h"

#include "tests/exercises/23_planner/slips.h"

namespace shard {
namespace {

struct Sizes {
  Nodes nodes;
  ReducingGroup group;
  double bytes;
};
using SizesSlip = Slip<Sizes>;

int64_t in_one_adapter(const Sizes& z, int64_t messages) {
  return (messages + z.nodes.adapters - 1) / z.nodes.adapters;
}
double seconds_of(const LinkSpeed& link, double bytes) {
  return link.latency + bytes / link.bandwidth;
}
bool crosses(const Sizes& z) { return z.group.ranks > z.group.in_node; }
bool stays(const Sizes& z) { return z.group.in_node > 1; }

/// What a message between nodes takes, of so many at once.
using Between = std::function<double(const Sizes&, double bytes, int64_t messages)>;
/// What a step takes whose messages inside a node and between nodes take this; 0 where there is
/// none.
using Step = std::function<double(const Sizes&, double inside, double between)>;

double shared(const Sizes& z, double bytes, int64_t messages) {
  return seconds_of(z.nodes.between, bytes * in_one_adapter(z, messages));
}
double slower(const Sizes&, double inside, double between) { return std::max(inside, between); }

double ring(const Sizes& z, const Between& between_of = shared, const Step& step = slower) {
  const double n = z.group.ranks, piece = z.bytes / n;
  const double inside = stays(z) ? seconds_of(z.nodes.inside, piece) : 0;
  const double between = crosses(z) ? between_of(z, piece, z.group.alike) : 0;
  return 2 * (n - 1) * step(z, inside, between);
}

/// Seconds of a reduce-scatter or an all-gather in a node, and of the all-reduce across the nodes.
struct Phases {
  double inside, across;
};
Phases phases(const Sizes& z, const Between& between_of = shared) {
  const double n = z.group.ranks, g = z.group.in_node;
  return {(g - 1) * seconds_of(z.nodes.inside, z.bytes / g),
          2 * (n / g - 1) * between_of(z, z.bytes / n, z.group.alike * z.group.in_node)};
}
double hierarchical(const Sizes& z, const Between& between_of = shared) {
  const Phases all = phases(z, between_of);
  return 2 * all.inside + all.across;
}

/// Mistakes that either function may contain. `with` is the function with another time of a message
/// between nodes.
std::vector<SizesSlip> slips_of_both(
    const std::function<double(const Sizes&, const Between&)>& with, const std::string& leaving) {
  const auto changed = [=](const std::string& diagnosis,
                           const std::function<void(Sizes&)>& change) {
    return SizesSlip{diagnosis, [=](Sizes z) {
                       change(z);
                       return with(z, shared);
                     }};
  };
  /// `factor` of the bytes of a message, for so many messages on each adapter of a node.
  const auto in_adapters = [=](const std::string& diagnosis,
                               const std::function<double(double messages)>& factor) {
    return SizesSlip{diagnosis, [=](const Sizes& z) {
                       return with(z, [=](const Sizes& of, double bytes, int64_t count) {
                         const double messages = count;
                         return seconds_of(of.nodes.between,
                                           bytes * factor(messages / of.nodes.adapters));
                       });
                     }};
  };
  const std::string rounded_down =
      "with messages/adapters rounded down: the fullest adapter has ⌈messages/adapters⌉";
  return {
      changed("without latency: every step has it",
              [](Sizes& z) { z.nodes.inside.latency = z.nodes.between.latency = 0; }),
      changed("as if bandwidths were in bits/s: they are in bytes/s",
              [](Sizes& z) { z.nodes.inside.bandwidth /= 8, z.nodes.between.bandwidth /= 8; }),
      {"half of the right time: an all-reduce is a reduce-scatter and an all-gather",
       [=](const Sizes& z) { return with(z, shared) / 2; }},
      in_adapters("as if every message between nodes had an adapter of its own: " + leaving +
                      " messages leave a node at the same time",
                  [](double) { return 1; }),
      changed("as if a node had one adapter: messages are spread over all of them",
              [](Sizes& z) { z.nodes.adapters = 1; }),
      in_adapters("faster than an adapter: a message goes through one only, however many there are",
                  [](double messages) { return messages; }),
      in_adapters("with a fraction of messages in an adapter: the fullest one has "
                  "⌈messages/adapters⌉",
                  [](double messages) { return std::max(1.0, messages); }),
      in_adapters(rounded_down, [](double messages) { return std::floor(messages); }),
      in_adapters(rounded_down,
                  [](double messages) { return std::max(1.0, std::floor(messages)); }),
      {"with a latency for each message in an adapter: they share its bandwidth only",
       [=](const Sizes& z) {
         return with(z, [](const Sizes& of, double bytes, int64_t count) {
           return seconds_of(of.nodes.between, bytes) * in_one_adapter(of, count);
         });
       }}};
}

std::vector<SizesSlip> slips_of_ring_steps() {
  const auto steps = [](const std::string& diagnosis, const Step& step) {
    return SizesSlip{diagnosis, [=](const Sizes& z) { return ring(z, shared, step); }};
  };
  const auto piece = [](const Sizes& z) { return z.bytes / z.group.ranks; };
  return {
      steps("the sum of both kinds of links in each step: the messages of a step are sent at the "
            "same time, and the slowest decides",
            [](const Sizes&, double inside, double between) { return inside + between; }),
      steps("that of the fastest link: a step takes as long as its slowest message",
            [](const Sizes&, double inside, double between) {
              return inside == 0 || between == 0 ? inside + between : std::min(inside, between);
            }),
      steps("a mean over the links: a step takes as long as its slowest message",
            [](const Sizes& z, double inside, double between) {
              const double n = z.group.ranks, leave = crosses(z) ? n / z.group.in_node : 0;
              return ((n - leave) * inside + leave * between) / n;
            }),
      {"that of steps on both kinds of links one after the other: in every step each rank sends",
       [=](const Sizes& z) {
         const int64_t leave = z.group.ranks / z.group.in_node;
         return 2 * ((z.group.ranks - leave) * seconds_of(z.nodes.inside, piece(z)) +
                     (leave - 1) * shared(z, piece(z), z.group.alike));
       }},
      steps("as if there were links between nodes in every group: one in a single node has none",
            [=](const Sizes& z, double inside, double) {
              return std::max(inside, shared(z, piece(z), z.group.alike));
            }),
      steps("as if there were links inside a node in every group: one rank in each node has none",
            [=](const Sizes& z, double, double between) {
              return std::max(seconds_of(z.nodes.inside, piece(z)), between);
            }),
      steps("that of the links inside a node, wherever there are some: those between nodes are "
            "in the ring, too",
            [](const Sizes&, double inside, double between) {
              return inside == 0 ? between : inside;
            }),
      {"as if all ranks of a node sent to another node: in each step only the last one does",
       [](const Sizes& z) {
         return ring(z, [](const Sizes& of, double bytes, int64_t messages) {
           return shared(of, bytes, messages * of.group.in_node);
         });
       }}};
}

std::vector<SizesSlip> slips_of_ring_counts() {
  /// With so many latencies, and so many times all bytes, through each link of n ranks.
  const auto counted = [](const std::string& diagnosis,
                          const std::function<double(double n)>& latencies,
                          const std::function<double(double n)>& times) {
    return SizesSlip{diagnosis, [=](const Sizes& z) {
                       const auto time = [&](const LinkSpeed& link, double messages) {
                         return latencies(z.group.ranks) * link.latency +
                                times(z.group.ranks) * z.bytes * messages / link.bandwidth;
                       };
                       const int64_t messages = in_one_adapter(z, z.group.alike);
                       return std::max(stays(z) ? time(z.nodes.inside, 1) : 0,
                                       crosses(z) ? time(z.nodes.between, messages) : 0);
                     }};
  };
  const auto all_steps = [](double n) { return 2 * (n - 1); };
  return {counted("with all bytes in each direction: a rank sends (n-1)/n of them twice", all_steps,
                  [](double) { return 2; }),
          counted("with all bytes in every step: a step sends a piece, 1/n of them", all_steps,
                  all_steps),
          counted(
              "with latency once: each of the 2(n-1) steps has it", [](double) { return 1; },
              [](double n) { return 2 * (n - 1) / n; }),
          counted(
              "that of 2n steps: the last of n pieces needs n-1 to come around",
              [](double n) { return 2 * n; }, [](double) { return 2; }),
          counted("with 2(n-1)/n as a quotient of whole numbers, which is 1", all_steps,
                  [](double n) { return n > 1; }),
          counted("with (n-1)/n as a quotient of whole numbers, which is 0", all_steps,
                  [](double) { return 0; })};
}

/// What a hierarchical all-reduce takes, if its phases take what is right, on n ranks, g in a node.
using Seconds = std::function<double(const Sizes&, const Phases&, double n, double g)>;

SizesSlip phases_slip(const std::string& diagnosis, const Seconds& seconds) {
  return {diagnosis,
          [=](const Sizes& z) { return seconds(z, phases(z), z.group.ranks, z.group.in_node); }};
}

std::vector<SizesSlip> slips_of_phases() {
  const auto of = [](const std::string& diagnosis,
                     const std::function<double(const Phases&)>& seconds) {
    return phases_slip(diagnosis, [=](const Sizes&, const Phases& all, double, double) {
      return seconds(all);
    });
  };
  return {
      of("without the all-gather at the end",
         [](const Phases& all) { return all.inside + all.across; }),
      of("that of the slowest phase: each needs the result of the one before it",
         [](const Phases& all) { return std::max(2 * all.inside, all.across); }),
      of("with an all-reduce in each node, and an all-gather after it: a reduce-scatter is enough",
         [](const Phases& all) { return 3 * all.inside + all.across; }),
      of("with half of the all-reduce across the nodes: it has 2(n/g - 1) steps",
         [](const Phases& all) { return 2 * all.inside + all.across / 2; }),
      phases_slip("with all bytes in each step inside a node: a piece is 1/g of them",
                  [](const Sizes& z, const Phases& all, double, double g) {
                    return 2 * (g - 1) * seconds_of(z.nodes.inside, z.bytes) + all.across;
                  }),
      phases_slip("with latency once in each phase: every step has it",
                  [](const Sizes& z, const Phases&, double n, double g) {
                    Sizes fast = z;
                    fast.nodes.inside.latency = fast.nodes.between.latency = 0;
                    return hierarchical(fast) + (g > 1 ? 2 * z.nodes.inside.latency : 0) +
                           (n > g ? z.nodes.between.latency : 0);
                  }),
      {"that of one ring over all ranks", [](const Sizes& z) { return ring(z); }}};
}

std::vector<SizesSlip> slips_across_nodes() {
  /// With steps of a ring across the nodes that take this.
  const auto steps = [](const std::string& diagnosis,
                        const std::function<double(const Sizes&, double n, double g)>& step) {
    return phases_slip(diagnosis, [=](const Sizes& z, const Phases& all, double n, double g) {
      return 2 * all.inside + 2 * (n / g - 1) * step(z, n, g);
    });
  };
  const auto parts = [](const Sizes& z) { return z.group.alike * z.group.in_node; };
  return {
      phases_slip("with a ring of all n ranks across the nodes: one rank of each node is in it, "
                  "n/g in all",
                  [=](const Sizes& z, const Phases& all, double n, double g) {
                    return 2 * all.inside + 2 * (n - 1) * shared(z, z.bytes / g / n, parts(z));
                  }),
      steps("with all bytes across the nodes: each ring there has 1/g of them",
            [=](const Sizes& z, double n, double g) {
              return shared(z, z.bytes * g / n, parts(z));
            }),
      steps("with all bytes across the nodes, of one ring in each node: all g ranks of a node have "
            "a part, and send it",
            [](const Sizes& z, double n, double g) {
              return shared(z, z.bytes * g / n, z.group.alike);
            }),
      steps("with pieces of 1/g in each step across the nodes: a ring of n/g cuts its part once "
            "more",
            [=](const Sizes& z, double, double g) { return shared(z, z.bytes / g, parts(z)); }),
      steps("as if one part of a node were on its way at a time: all g leave it at once, and share "
            "its adapters",
            [](const Sizes& z, double n, double) { return shared(z, z.bytes / n, z.group.alike); }),
      steps("as if this group had the adapters alone: those that are alike use them, too",
            [](const Sizes& z, double n, double) {
              return shared(z, z.bytes / n, z.group.in_node);
            })};
}

using Cases = std::vector<NamedCase<Sizes>>;

/// In steps: one node, one rank in each node, several, several groups, several adapters.
Cases all_cases(const Examiner& examiner) {
  const double some = 1 + std::abs(examiner.random(1, 1, "bandwidth").values[0]);
  const LinkSpeed fast{.latency = 7e-6, .bandwidth = 230e9 * some},
      slow{.latency = 19e-6, .bandwidth = 25e9 * some};
  Cases cases;
  const auto add = [&](int step, const Nodes& nodes, const ReducingGroup& group) {
    for (const double bytes : {3e3, 5e6, 1.4e9}) {
      const auto nodes_of_group = group.ranks / group.in_node;
      cases.push_back({text(bytes, " bytes on ", group.ranks, " ranks in ", nodes_of_group,
                            nodes_of_group == 1 ? " node" : " nodes", ", ", group.alike,
                            group.alike == 1 ? " group" : " groups", ", ", nodes.adapters,
                            nodes.adapters == 1 ? " adapter" : " adapters"),
                       {nodes, group, bytes},
                       step});
    }
  };
  const Nodes one{fast, slow, 1};
  for (const int64_t ranks : {1, 2, 8}) add(0, one, {.ranks = ranks, .in_node = ranks});
  for (const int64_t ranks : {2, 5, 16}) add(1, one, {.ranks = ranks});
  for (const int64_t in_node : {2, 3, 8}) add(2, one, {.ranks = 4 * in_node, .in_node = in_node});
  add(2, {slow, fast, 1}, {.ranks = 12, .in_node = 4});
  add(2, {slow, fast, 1}, {.ranks = 5});
  add(3, one, {.ranks = 8, .in_node = 8, .alike = 2});
  add(3, one, {.ranks = 16, .alike = 8});
  add(3, one, {.ranks = 24, .in_node = 4, .alike = 2});
  for (const int64_t adapters : {2, 3, 8}) {
    add(4, {fast, slow, adapters}, {.ranks = 6, .in_node = 1, .alike = 4});
    add(4, {fast, slow, adapters}, {.ranks = 128, .in_node = 8});
    add(4, {fast, slow, adapters}, {.ranks = 32, .in_node = 4, .alike = 2});
    add(4, {slow, fast, adapters}, {.ranks = 12, .in_node = 2, .alike = 5});
  }
  return cases;
}

}  // namespace

void examine(Examiner& examiner) {
  const Cases cases = all_cases(examiner);
  const auto expect = [&](const std::string& name, const Formula<Sizes>& answer,
                          const Formula<Sizes>& right,
                          const std::vector<std::vector<SizesSlip>>& lists) {
    std::vector<SizesSlip> slips;
    for (const auto& list : lists) slips.insert(slips.end(), list.begin(), list.end());
    examiner.attempt(name, [&] {
      const std::string wrong = diagnose_numbers<Sizes>(name, cases, answer, right, slips);
      examiner.expect(text(name, " of ", cases.size(), " all-reduces"), wrong.empty(), wrong);
    });
  };
  const auto ring_with = [](const Sizes& z, const Between& between) { return ring(z, between); };
  expect(
      "ring_seconds", [](const Sizes& z) { return ring_seconds(z.nodes, z.group, z.bytes); },
      [](const Sizes& z) { return ring(z); },
      {slips_of_ring_counts(), slips_of_ring_steps(), slips_of_both(ring_with, "`alike`")});
  expect(
      "hierarchical_seconds",
      [](const Sizes& z) { return hierarchical_seconds(z.nodes, z.group, z.bytes); },
      [](const Sizes& z) { return hierarchical(z); },
      {slips_of_phases(), slips_across_nodes(), slips_of_both(hierarchical, "alike · g")});
}

}  // namespace shard
