#include "common/ledger.h"

namespace shard {

std::string to_string(Collective op) {
  switch (op) {
    case Collective::all_reduce: return "all_reduce";
    case Collective::all_reduce_max: return "all_reduce_max";
    case Collective::all_gather: return "all_gather";
    case Collective::reduce_scatter: return "reduce_scatter";
    case Collective::broadcast: return "broadcast";
    case Collective::send_receive: return "send_receive";
    case Collective::barrier: return "barrier";
    case Collective::gather_text: return "gather_text";
    case Collective::split: return "split";
  }
  return "unknown";
}

void Ledger::add(Collective op, std::string_view group, int64_t calls, int64_t bytes, double seconds) {
  for (LedgerRow& row : rows_) {
    if (row.op == op && row.group == group) {
      row.calls += calls;
      row.bytes += bytes;
      row.seconds += seconds;
      return;
    }
  }
  rows_.push_back({op, std::string(group), calls, bytes, seconds});
}

Ledger Ledger::since(const Ledger& earlier) const {
  Ledger all = *this;
  for (const LedgerRow& row : earlier.rows_) all.add(row.op, row.group, -row.calls, -row.bytes, -row.seconds);
  Ledger difference;
  for (const LedgerRow& row : all.rows_) {
    if (row.calls != 0) difference.rows_.push_back(row);
  }
  return difference;
}

int64_t Ledger::calls(Collective op, std::string_view group) const {
  int64_t sum = 0;
  for (const LedgerRow& row : rows_) {
    if (row.op == op && (group.empty() || row.group == group)) sum += row.calls;
  }
  return sum;
}

int64_t Ledger::calls() const {
  int64_t sum = 0;
  for (const LedgerRow& row : rows_) sum += row.calls;
  return sum;
}

int64_t Ledger::bytes() const {
  int64_t sum = 0;
  for (const LedgerRow& row : rows_) sum += row.bytes;
  return sum;
}

double Ledger::seconds() const {
  double sum = 0;
  for (const LedgerRow& row : rows_) sum += row.seconds;
  return sum;
}

}  // namespace shard
