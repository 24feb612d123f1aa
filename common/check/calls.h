// Checking what a piece of a program has communicated.
#pragma once
#include <string>
#include <vector>

#include "common/comm/ledger.h"
#include "common/program/report.h"

namespace shard {

/// All calls of one collective: how many, and the bytes given to them on this rank.
struct Calls {
  Collective op;
  int64_t calls = 1;
  int64_t bytes = 0;
};

/// Whether the ledger holds just these calls with these bytes, in whatever groups, and no others.
/// Entries of one collective add up.
bool holds_just(const Ledger& ledger, const std::vector<Calls>& expected);

/// "2 all_reduce of 1920 bytes, 1 broadcast of 8 bytes"; "no communication" for none.
std::string calls_in(const Ledger& ledger);

/// One check that holds_just(ledger, expected) on every rank; if not, prints what there was
/// instead. Collective.
void check_calls(Report& report, const std::string& name, const Ledger& ledger,
                 const std::vector<Calls>& expected);

}  // namespace shard
