// The environment of a test: its ranks, the device, and what has been communicated. main.cpp
// provides it. A test is called by every rank, and so are the collectives in it.
#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/backend.h"

namespace shard {

class MpiSession;

Communicator&
world();  // all ranks; every collective is compared across its group, and waits at most 20 s
Communicator& alone();  // this rank as a group of its own
Backend& backend();     // its tensors are full of NaN until they are written
Ledger& ledger();
MpiSession& session();

/// The test fails, and is not skipped, when it is started on fewer ranks.
void require_ranks(int least);

}  // namespace shard
