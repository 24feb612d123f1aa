#include "common/check/calls.h"

#include <map>

#include "common/base/counted.h"
#include "common/base/error.h"

namespace shard {
namespace {

struct Total {
  int64_t calls = 0, bytes = 0;
  bool operator==(const Total&) const = default;
};
using Totals = std::map<Collective, Total>;

/// Sums over groups; collectives without calls are left out.
template <class Rows>
Totals totals_of(const Rows& rows) {
  Totals totals;
  for (const auto& row : rows) {
    if (row.calls == 0 && row.bytes == 0) continue;
    totals[row.op].calls += row.calls;
    totals[row.op].bytes += row.bytes;
  }
  return totals;
}

}  // namespace

bool holds_just(const Ledger& ledger, const std::vector<Calls>& expected) {
  return totals_of(ledger.rows()) == totals_of(expected);
}

std::string calls_in(const Ledger& ledger) {
  std::string list;
  for (const auto& [op, total] : totals_of(ledger.rows())) {
    list +=
        text(list.empty() ? "" : ", ", total.calls, " ", op, " of ", counted(total.bytes, "byte"));
  }
  return list.empty() ? "no communication" : list;
}

void check_calls(Report& report, const std::string& name, const Ledger& ledger,
                 const std::vector<Calls>& expected) {
  report.check(name, holds_just(ledger, expected), calls_in(ledger));
}

}  // namespace shard
