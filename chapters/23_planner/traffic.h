// What a rank gives to collectives and messages in one training step, as a ledger: calls, bytes
// given and bytes sent by group. The formulas are those of the chapters that check them.
#pragma once
#include "chapters/23_planner/rank_work.h"
#include "common/comm/ledger.h"

namespace shard::chapter_23 {

/// Groups have the names that chapter 22's grid gives them: "tp", "cp", "pp", "dp" or "cp-dp",
/// "ep", "edp", and "world". Groups of one rank are left out. What experts exchange depends on the
/// tokens: it is as if every rank got as many rows as it sends, which is right in the sum over the
/// ranks. What is sent of it is not known.
Ledger traffic_of(const RankWork& work);

}  // namespace shard::chapter_23
