#include "chapters/02_collectives/ring_all_reduce.h"

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

RingAllReduce::RingAllReduce(Communicator& group, Tensor x)
    : group_(group),
      x_(x.reshape({x.elements()})),
      incoming_(group.backend(), {group.size() > 1 ? chunk(0).size() : 0}) {}

//! [02-step]
void RingAllReduce::step(int number) {
  const int rank = group_.rank(), size = group_.size();
  const RingMove move = ring_move(rank, size, number);
  const Tensor out = x_.slice(chunk(move.send));
  Tensor mine = x_.slice(chunk(move.receive));
  Tensor in = move.adds ? incoming_.slice({0, mine.elements()}) : mine;
  group_.send_receive(out, (rank + 1) % size, in, (rank + size - 1) % size);
  if (move.adds) accumulate(mine, in);  // mine ← mine + in
}
//! [02-step]

//! [02-ring]
Tensor ring_all_reduce(Communicator& group, const PartialSum& term) {
  TraceRange range(TraceRow::communication, "ring all-reduce", group.name());
  RingAllReduce ring(group, term.unreduced());
  for (int step = 0; step < ring.steps(); ++step) ring.step(step);
  return term.unreduced();
}
//! [02-ring]

}  // namespace shard
