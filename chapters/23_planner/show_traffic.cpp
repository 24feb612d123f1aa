#include "chapters/23_planner/show_traffic.h"

#include "chapters/23_planner/traffic.h"

namespace shard::chapter_23 {

void show_traffic(Report& report, const Job& job, const Layout& layout) {
  report.heading("What rank 0 of chapter 22's training gives to collectives in a step, in f32");
  Table table({"collective", "group", "calls", "bytes"});
  const Ledger ledger = traffic_of({job.model, layout, job.batch, 0});
  for (const LedgerRow& row : ledger.rows())
    table.row({to_string(row.op), row.group, std::to_string(row.calls), std::to_string(row.bytes)});
  if (ledger.rows().empty()) return report.line("  nothing");
  report.table(table);
}

}  // namespace shard::chapter_23
