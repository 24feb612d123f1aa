// Exercise 18.2: a stage's messages, without deadlock.
//
// A blocking send may return only when its receiver has begun to receive: MPI may keep a small
// message, but need not, and does not keep a large one. In 1F1B stage 0 then waits to send an
// output to stage 1, which waits to send a gradient to stage 0. So a stage starts its sends, and
// goes on. The check is with sends that wait for their receivers.
//
// Write: run_stage, without chapters/18_pipeline/engine.h. About 11 lines.
// Shapes: messages [rows × width], as many as the steps; from one rank to another they arrive in
//         the order in which they were started.
// Ledger: one receive for each input, one send for each result that somebody takes.
#include "exercises/18_pipeline/2_without_deadlock.h"

#include "exercises/todo.h"

namespace shard {

void run_stage(Communicator& pp, const Steps& steps, const Shape& shape,
               const ComputeStep& compute) {
  todo("run_stage");
}

}  // namespace shard
