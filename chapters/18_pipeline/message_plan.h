// MessagePlan: which messages a stage starts before each of its steps. All stages start theirs in
// one common order, that of a replay: by the moment when a message can be sent. So no stage waits
// for a message that comes after one that another stage waits for, and no list comes to a
// standstill, even where a message waits for its receiver and the next one for it (NCCL, or MPI's
// synchronous sends).
#pragma once
#include "chapters/18_pipeline/schedule.h"

namespace shard {

/// The result of a step on its way to the stage that takes it.
struct StageMessage {
  Place from, to;  // the step whose result it is, and the step whose input
};

/// Messages that a stage starts together: those of one moment.
struct Exchange {
  size_t before = 0;  // which of its steps; the number of steps: after the last one
  std::vector<StageMessage> messages;
};

/// The messages that a stage receives in a step, which are as many as it sends: for each of its
/// chunks (chapter 19) and each micro-batch one from either neighbour of that part of the model.
int64_t messages_of_stage(int stage, int stages, int chunks, int64_t micro_batches);

/// For each stage its exchanges, in their order: sent ones follow the step that they are from,
/// received ones precede the step that they are for. Throws Error for a schedule that comes to a
/// standstill.
std::vector<std::vector<Exchange>> plan_messages(const Schedule& schedule);

}  // namespace shard
