// Ring all-reduce: the sum of all ranks' vectors, built from messages to the right-hand neighbour
// alone.
//     2(t-1) steps, in each of which every rank sends one t-th of the vector: 2(t-1)/t of its bytes
//     in all, the least that any all-reduce can send. Patarasu and Yuan, "Bandwidth optimal
//     all-reduce algorithms for clusters of workstations", Journal of Parallel and Distributed
//     Computing 69(2), 2009.
#pragma once
#include "common/comm/communicator.h"

namespace shard {

/// What a rank does in one step: chunk `send` goes to rank + 1 while chunk `receive` comes from
/// rank - 1, and is added to its own (the first t-1 steps: a reduce-scatter) or replaces it (the
/// last t-1: an all-gather).
struct RingMove {
  int send, receive;
  bool adds;
};
constexpr RingMove ring_move(int rank, int size, int step) {
  const int send = (rank + 2 * size - step) % size;
  return {send, (send + size - 1) % size, step < size - 1};
}

/// The steps of a ring all-reduce on one vector x, in place.
class RingAllReduce {
 public:
  RingAllReduce(Communicator& group, Tensor x);
  int steps() const { return 2 * (group_.size() - 1); }
  /// The elements of chunk `index`: chunks differ by at most one element, and may be empty.
  Range chunk(int index) const { return part_of(x_.elements(), group_.size(), index); }
  /// Step 0 … steps()-1, in this order. Every rank of the group must call it.
  void step(int number);

 private:
  Communicator& group_;
  Tensor x_;         // [elements]
  Tensor incoming_;  // [elements of the largest chunk]: where a chunk arrives that will be added
};

/// Communicator::all_reduce by a ring: the term's memory becomes the result's.
Tensor ring_all_reduce(Communicator& group, const PartialSum& term);

}  // namespace shard
