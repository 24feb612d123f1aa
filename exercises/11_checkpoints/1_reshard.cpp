// Exercise 11.1: a checkpoint of t = 4 for another number of ranks.
//
// If a run saves each rank's parts, its checkpoint depends on its layout: to continue on 2 or 3
// ranks, or on one GPU, the parts must be cut again. Joining 4 parts in pairs is not enough: 4 is
// not divisible by 3, uneven parts and padding depend on t, and two adjacent parts of [Q K V],
// joined, are not the [Q K V] of their heads.
//
// Write: the parts for another number of ranks, through the whole tensor. About 20 lines.
// Shapes: parts of whole [rows × columns] or [columns] for tensor.parts.size() ranks → parts for
//         `ranks` ranks.
// Ledger: nothing: host vectors in, host vectors out. One rank is enough for the test: it has the
//         parts of all.
#include "exercises/11_checkpoints/1_reshard.h"

#include "chapters/06_parallel_attention/parallel_attention.h"
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "exercises/todo.h"

namespace shard {

std::vector<std::vector<float>> reshard(const SavedTensor& tensor, int ranks) { todo("reshard"); }

}  // namespace shard
