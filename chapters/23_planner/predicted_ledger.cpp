#include "chapters/23_planner/predicted_ledger.h"

#include "common/base/partition.h"
#include "common/comm/ring.h"

namespace shard::chapter_23 {
namespace {

constexpr int64_t value_bytes = 4;

/// Of one call.
int64_t sent_in(Collective op, int64_t elements, int64_t ranks) {
  switch (op) {
    case Collective::all_reduce:
    case Collective::all_reduce_max: return sent_in_sum(elements, ranks);
    case Collective::all_gather: return sent_in_gather(ranks * elements, elements);
    case Collective::reduce_scatter:
    case Collective::all_to_all: return sent_in_scatter(elements, elements / ranks);
    default: return 0;
  }
}

int64_t part(const RankGroup& group, int64_t rows, int rank) {
  return part_of(rows, group.ranks, rank % group.ranks).size();
}

}  // namespace

void PredictedLedger::enter(const RankGroup& group, const Calls& calls, int64_t sent_elements) {
  if (group.ranks == 1 || calls.calls == 0) return;
  ledger_.add(calls.op, group.name, calls.calls, calls.bytes, 0, true, value_bytes * sent_elements);
}

void PredictedLedger::add(const RankGroup& group, const Calls& calls) {
  if (calls.calls == 0) return;
  const int64_t elements = calls.bytes / (value_bytes * calls.calls);
  enter(group, calls, calls.calls * sent_in(calls.op, elements, group.ranks));
}

void PredictedLedger::add(const RankGroup& group, const std::vector<Calls>& calls, int64_t times) {
  for (Calls one : calls) {
    one.calls *= times, one.bytes *= times;
    add(group, one);
  }
}

void PredictedLedger::add_messages(const RankGroup& group, const Calls& calls) {
  enter(group, calls, calls.op == Collective::send ? calls.bytes / value_bytes : 0);
}

void PredictedLedger::gather_rows(const RankGroup& group, int64_t calls, int64_t rows,
                                  int64_t width) {
  const int64_t own = part(group, rows, group.rank), next = part(group, rows, group.rank + 1);
  enter(group, {Collective::all_gather, calls, calls * value_bytes * own * width},
        calls * sent_in_gather(rows * width, next * width));
}

void PredictedLedger::scatter_rows(const RankGroup& group, int64_t calls, int64_t rows,
                                   int64_t width) {
  enter(group, {Collective::reduce_scatter, calls, calls * value_bytes * rows * width},
        calls * sent_in_scatter(rows * width, part(group, rows, group.rank) * width));
}

void PredictedLedger::broadcast(const RankGroup& group, int64_t elements, int root) {
  enter(group, {Collective::broadcast, 1, value_bytes * elements},
        sent_in_broadcast(elements, group.rank, group.ranks, root));
}

}  // namespace shard::chapter_23
