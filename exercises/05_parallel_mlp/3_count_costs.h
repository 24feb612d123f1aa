#pragma once
#include <cstdint>

#include "common/comm/ledger.h"

namespace shard {

/// The designs that chapter 05 compares: X [tokens × width] → [tokens × hidden] → [tokens × width].
enum class Design { row_row, column_column, column_row };

struct MlpSizes {
  int64_t tokens = 0, width = 0, hidden = 0;
};

/// What a rank's ledger shows of one pass: one collective, its calls, and the bytes that were given
/// to all these calls together (LedgerRow::bytes).
struct Cost {
  Collective collective = Collective::all_reduce;
  int64_t calls = 0;
  int64_t bytes = 0;
  bool operator==(const Cost&) const = default;
};

struct Costs {
  Cost forward, backward;
  bool operator==(const Costs&) const = default;
};

/// The ledger of rank `rank` of `ranks` after one forward and after one backward pass, in f32. Any
/// sizes from 1; any number of ranks from 1 that is at most width and hidden.
Costs costs_of(Design design, const MlpSizes& sizes, int ranks, int rank);

}  // namespace shard
