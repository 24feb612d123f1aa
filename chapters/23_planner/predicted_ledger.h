// PredictedLedger: a ledger of calls that are known by formulas, with the bytes that rings send.
#pragma once
#include <string>

#include "common/check/calls.h"

namespace shard::chapter_23 {

/// A rank's group: its name in the ledger.
struct RankGroup {
  std::string name;
  int ranks = 1, rank = 0;
};

/// In f32 and i32. Calls in a group of one rank are left out, as nothing is sent.
class PredictedLedger {
 public:
  /// Calls of equal bytes. Pieces of gathers, and parts of scatters, are equal on all ranks.
  void add(const RankGroup& group, const Calls& calls);
  /// Each of these entries, `times` times.
  void add(const RankGroup& group, const std::vector<Calls>& calls, int64_t times = 1);
  /// Messages of any bytes, each from or to one rank.
  void add_messages(const RankGroup& group, const Calls& calls);
  /// Gathers and scatters of [rows × width], cut by part_of.
  void gather_rows(const RankGroup& group, int64_t calls, int64_t rows, int64_t width);
  void scatter_rows(const RankGroup& group, int64_t calls, int64_t rows, int64_t width);
  void broadcast(const RankGroup& group, int64_t elements, int root);

  const Ledger& ledger() const { return ledger_; }

 private:
  void enter(const RankGroup& group, const Calls& calls, int64_t sent_elements);
  Ledger ledger_;
};

}  // namespace shard::chapter_23
