#include "exercises/16_fully_sharded/3_hybrid.h"

#include <cmath>

#include "tests/exercises/answers.h"

namespace shard {
namespace {

constexpr int64_t elements = 60;  // 1 to 6 ranks divide it
constexpr int micro_batches = 3;

/// Which ranks are in this rank's group: their numbers in the world, in the group's order.
std::vector<int64_t> members_of(Examiner& examiner, Communicator& group) {
  std::vector<int64_t> members;
  for (const std::string& rank : examiner.gather_text(group, text(examiner.world().rank())))
    members.push_back(std::stoll(rank));
  return members;
}

/// Ranks for which same(rank) is that of this rank.
template <class Same>
std::vector<int64_t> ranks_with(int ranks, int me, const Same& same) {
  std::vector<int64_t> members;
  for (int rank = 0; rank < ranks; ++rank)
    if (same(rank) == same(me)) members.push_back(rank);
  return members;
}

void expect_groups(Examiner& examiner, const HybridGroups& groups, int shard_ranks) {
  const int ranks = examiner.world().size(), me = examiner.world().rank();
  using Members = std::vector<std::vector<int64_t>>;
  const auto by = [&](const auto& same_shards, const auto& same_replicas) {
    return Members{ranks_with(ranks, me, same_shards), ranks_with(ranks, me, same_replicas)};
  };
  const auto division = [](int by) { return [by](int rank) { return rank / by; }; };
  const auto remainder = [](int by) { return [by](int rank) { return rank % by; }; };
  const auto all = [](int) { return 0; };
  const int replicas = ranks / shard_ranks;
  const bool exist = groups.shards != nullptr && groups.replicas != nullptr;
  examiner.expect("hybrid_groups", examiner.max_of(exist ? 0 : 1) == 0,
                  "your hybrid_groups leaves a group out: both must exist on every rank");
  if (examiner.max_of(exist ? 0 : 1) != 0) return;
  const Members got{members_of(examiner, *groups.shards), members_of(examiner, *groups.replicas)};
  const Members right = by(division(shard_ranks), remainder(shard_ranks));
  expect_answer<Members>(
      examiner, "hybrid_groups", got, right,
      {{"right but for the names: shards and replicas are exchanged",
        by(remainder(shard_ranks), division(shard_ranks))},
       {"groups as if shard_ranks were the number of groups, not the ranks of one",
        by(division(replicas), remainder(replicas))},
       {"ranks that are far apart in shards, and neighbours in replicas: neighbours share weights, "
        "because they are gathered three times a step",
        by(remainder(replicas), division(replicas))},
       {"neighbours in shards, but all ranks in replicas: only those with the same part belong "
        "together",
        by(division(shard_ranks), all)},
       {"neighbours in both groups: nobody sums over the other copies",
        by(division(shard_ranks), division(shard_ranks))},
       {"neighbours in shards, but in replicas ranks with different parts",
        by(division(shard_ranks), remainder(replicas))}},
      text("on rank ", me, " of ", ranks, " with shard_ranks ", shard_ranks,
           " your hybrid_groups has the ranks ", shown(got[0]), " and ", shown(got[1]),
           ", expected ", shown(right[0]), " and ", shown(right[1])));
}

/// Σ of factor(rank, micro-batch) × that gradient, elements [begin, end).
using Factor = std::function<double(int rank, int micro_batch)>;
Matrix sum_of(const Examiner& examiner, int ranks, Range range, const Factor& factor) {
  Matrix sum(1, range.size());
  for (int rank = 0; rank < ranks; ++rank) {
    for (int micro_batch = 0; micro_batch < micro_batches; ++micro_batch) {
      const Matrix term =
          examiner.random_integers(1, elements, text("gradient ", rank, " ", micro_batch));
      for (int64_t i = 0; i < range.size(); ++i)
        sum(0, i) += factor(rank, micro_batch) * term(0, range.begin + i);
    }
  }
  return sum;
}

std::vector<Suspect> suspects(const Examiner& examiner, int ranks, int me, int shard_ranks) {
  const Range part = part_of(elements, shard_ranks, me % shard_ranks), all{0, elements};
  const int replicas = ranks / shard_ranks;
  const auto sum = [&](Range range, const Factor& factor) {
    return sum_of(examiner, ranks, range, factor);
  };
  const auto neighbour = [=](int rank) { return rank / shard_ranks == me / shard_ranks; };
  const auto same_place = [=](int rank) { return rank % shard_ranks == me % shard_ranks; };
  const double n = ranks, copies = replicas;
  constexpr int last = micro_batches - 1;
  return {
      Suspect::result("that of the last micro-batch: each one overwrote the one before",
                      sum(part, [](int, int k) { return k == last ? 1 : 0; })),
      Suspect::result("that of the first micro-batch: the others were left out",
                      sum(part, [](int, int k) { return k == 0 ? 1 : 0; })),
      Suspect::result(
          "the whole sum of the last micro-batch, but of earlier ones that of the neighbours only: "
          "they were added after the sum over the replicas. Add up before it, or replicas drift "
          "apart",
          sum(part, [=](int rank, int k) { return k == last || neighbour(rank) ? 1 : 0; })),
      Suspect::result("the sum over the neighbours: it was never summed over the replicas",
                      sum(part, [=](int rank, int) { return neighbour(rank) ? 1 : 0; })),
      Suspect::result("the sum over the replicas' terms: the neighbours' were never added",
                      sum(part, [=](int rank, int) { return same_place(rank) ? 1 : 0; })),
      Suspect::result("divided by the number of replicas: gradients are sums already",
                      sum(part, [=](int, int) { return 1 / copies; })),
      Suspect::result("divided by the number of neighbours: gradients are sums already",
                      sum(part, [=](int, int) { return 1.0 / shard_ranks; })),
      Suspect::result("divided by the number of all ranks: gradients are sums already",
                      sum(part, [=](int, int) { return 1 / n; })),
      Suspect::result(
          "one in which earlier micro-batches count several times: what was summed over the "
          "replicas before is summed over them again",
          sum(part, [=](int, int k) { return std::pow(copies, last - k); })),
      Suspect::result("the whole gradient: a rank keeps its part only",
                      sum(all, [](int, int) { return 1; })),
      Suspect::result("a part for the other group: scattered over the replicas, summed over the "
                      "neighbours",
                      sum(part_of(elements, replicas, me / shard_ranks),
                          [](int, int) { return 1; })),
  };
}

void expect_gradient(Examiner& examiner, int shard_ranks) {
  const int ranks = examiner.world().size(), me = examiner.world().rank();
  const std::string with = text(" with shard_ranks ", shard_ranks);
  const auto shards = examiner.world().split(me / shard_ranks, "shards"),
             replicas = examiner.world().split(me % shard_ranks, "replicas");
  std::vector<Tensor> gradients;
  for (int k = 0; k < micro_batches; ++k) {
    gradients.push_back(
        examiner.vector(examiner.random_integers(1, elements, text("gradient ", me, " ", k)),
                        text("gradient ", k)));
  }
  const Ledger before = examiner.ledger();
  const Tensor got = hybrid_gradient(*shards, *replicas, gradients);
  const Ledger since = examiner.ledger().since(before);
  examiner.expect("hybrid_gradient" + with, got,
                  sum_of(examiner, ranks, part_of(elements, shard_ranks, me % shard_ranks),
                         [](int, int) { return 1; }),
                  suspects(examiner, ranks, me, shard_ranks));
  const int64_t part = 4 * elements / shard_ranks;
  int64_t reduced = 0;
  for (const LedgerRow& row : since.rows())
    if (row.op == Collective::all_reduce) reduced += row.bytes;
  const int64_t sums = since.calls(Collective::all_reduce);
  examiner.expect("the sum over the replicas" + with,
                  shard_ranks == 1 || sums == 0 || reduced != 4 * elements * sums,
                  text("whole gradients are summed over the replicas: scattered first, ",
                       shard_ranks, " times fewer bytes go between nodes"));
  examiner.expect("one sum over the replicas" + with, sums != micro_batches,
                  "the parts are summed over the replicas in every micro-batch: add them up, and "
                  "sum once");
  examiner.expect("whole gradients" + with, since.calls(Collective::reduce_scatter) != 1,
                  "the gradients are scattered once, so that whole ones were added up: there is "
                  "memory for them during one micro-batch only");
  examiner.expect_ledger("hybrid_gradient" + with, before,
                         {{Collective::reduce_scatter, micro_batches, 4 * elements * micro_batches},
                          {Collective::all_reduce, 1, part}});
}

}  // namespace

void examine(Examiner& examiner) {
  const int ranks = examiner.world().size();
  for (int shard_ranks = 1; shard_ranks <= ranks; ++shard_ranks) {
    if (ranks % shard_ranks != 0) continue;
    examiner.attempt(text("hybrid_groups, ", shard_ranks, " ranks in a group"), [&] {
      expect_groups(examiner, hybrid_groups(examiner.world(), shard_ranks), shard_ranks);
    });
  }
  for (int shard_ranks = 1; shard_ranks <= ranks; ++shard_ranks) {
    // where each group has a rank alone, most mistakes are right
    if (ranks % shard_ranks != 0 || (ranks > 3 && (shard_ranks == 1 || shard_ranks == ranks)))
      continue;
    examiner.attempt(text("hybrid_gradient, ", shard_ranks, " ranks in a group"),
                     [&] { expect_gradient(examiner, shard_ranks); });
  }
}

}  // namespace shard
