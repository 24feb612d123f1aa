// The ledger: what a process has communicated. Programs print it, tests assert on it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shard {

enum class Collective {
  all_reduce,
  all_reduce_max,
  all_gather,
  reduce_scatter,
  broadcast,
  send_receive,
  barrier,
  gather_text,  // this and split concern the host only: they are not in the ledger
  split,
};

std::string to_string(Collective op);

struct LedgerRow {
  Collective op;
  std::string group;  // the communicator's name: "tp", "dp", …
  int64_t calls = 0;
  int64_t bytes = 0;   // of the tensor that was given to the collective, on this rank
  double seconds = 0;  // that this rank spent starting it and waiting for it
};

class Ledger {
 public:
  void add(Collective op, std::string_view group, int64_t calls, int64_t bytes, double seconds);
  const std::vector<LedgerRow>& rows() const { return rows_; }

  /// What was added after `earlier`, a copy of this ledger, was taken.
  Ledger since(const Ledger& earlier) const;

  /// Totals over all groups, or over one.
  int64_t calls(Collective op, std::string_view group = "") const;
  int64_t calls() const;
  int64_t bytes() const;
  double seconds() const;

 private:
  std::vector<LedgerRow> rows_;
};

}  // namespace shard
