#include "common/comm/ledger.h"

namespace shard {

Ledger::Ledger() = default;
Ledger::Ledger(const Ledger& other) = default;
Ledger::Ledger(Ledger&& other) noexcept = default;
Ledger& Ledger::operator=(const Ledger& other) = default;
Ledger& Ledger::operator=(Ledger&& other) noexcept = default;
Ledger::~Ledger() = default;

std::string to_string(Collective op) {
  switch (op) {
    case Collective::all_reduce: return "all_reduce";
    case Collective::all_reduce_max: return "all_reduce_max";
    case Collective::all_gather: return "all_gather";
    case Collective::reduce_scatter: return "reduce_scatter";
    case Collective::broadcast: return "broadcast";
    case Collective::send_receive: return "send_receive";
    case Collective::all_to_all: return "all_to_all";
    case Collective::send: return "send";
    case Collective::receive: return "receive";
    case Collective::barrier: return "barrier";
    case Collective::gather_text: return "gather_text";
    case Collective::split: return "split";
    case Collective::connect: return "connect";
  }
  return "unknown";
}

LedgerRow& Ledger::row_of(Collective op, std::string_view group, bool travels) const {
  for (LedgerRow& row : rows_) {
    if (row.op == op && row.group == group && row.travels == travels) return row;
  }
  return rows_.emplace_back(LedgerRow{.op = op, .group = std::string(group), .travels = travels});
}

void Ledger::add(Collective op, std::string_view group, int64_t calls, int64_t bytes,
                 double seconds, bool travels, int64_t sent) {
  LedgerRow& row = row_of(op, group, travels);
  row.calls += calls;
  row.bytes += bytes;
  row.sent += sent;
  row.seconds += seconds;
}

void Ledger::add(Collective op, std::string_view group, int64_t calls, int64_t bytes,
                 std::shared_ptr<const DeviceTime> time, int64_t sent) {
  constexpr size_t most = 64;  // asking the device costs more than keeping a few
  add(op, group, calls, bytes, 0.0, true, sent);
  pending_.push_back({op, std::string(group), std::move(time), 1});
  while (pending_.size() > most && pending_.front().time->is_known()) settle_oldest();
}

void Ledger::settle_oldest() const {
  const Pending& oldest = pending_.front();
  row_of(oldest.op, oldest.group).seconds += oldest.sign * oldest.time->seconds();
  pending_.pop_front();
}

const std::vector<LedgerRow>& Ledger::rows() const {
  while (!pending_.empty()) settle_oldest();
  return rows_;
}

Ledger Ledger::since(const Ledger& earlier) const {
  Ledger difference = *this;
  for (const LedgerRow& row : earlier.rows_)
    difference.add(row.op, row.group, -row.calls, -row.bytes, -row.seconds, row.travels, -row.sent);
  // whether it has been settled here or not: it cancels out
  for (Pending pending : earlier.pending_) {
    pending.sign = -pending.sign;
    difference.pending_.push_front(pending);
  }
  std::erase_if(difference.pending_,
                [&](const Pending& time) { return difference.calls(time.op, time.group) == 0; });
  std::erase_if(difference.rows_, [](const LedgerRow& row) { return row.calls == 0; });
  return difference;
}

template <class Number>
static Number total(const std::vector<LedgerRow>& rows, Number LedgerRow::*column) {
  Number sum = 0;
  for (const LedgerRow& row : rows) sum += row.*column;
  return sum;
}

int64_t Ledger::calls(Collective op, std::string_view group) const {
  int64_t sum = 0;
  for (const LedgerRow& row : rows_) {
    if (row.op == op && (group.empty() || row.group == group)) sum += row.calls;
  }
  return sum;
}

int64_t Ledger::calls() const { return total(rows_, &LedgerRow::calls); }

int64_t Ledger::bytes() const { return total(rows_, &LedgerRow::bytes); }

int64_t Ledger::sent() const { return total(rows_, &LedgerRow::sent); }

double Ledger::seconds() const { return total(rows(), &LedgerRow::seconds); }

}  // namespace shard
