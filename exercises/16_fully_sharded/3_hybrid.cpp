// Exercise 16.3: hybrid sharding.
//
// Gathering weights from all ranks of a cluster is slow where nodes are far apart. Hybrid sharding
// (Zhao et al., arXiv:2304.11277, section 3.2.2) cuts them over the ranks of a node only, and each
// node has all of them. So a gradient is summed in two steps: scattered within the node, and of the
// part that remains, summed over the nodes. With micro-batches the question is what is added up
// where: the sum over the nodes is the slow one, and once a step is enough. Here all
// micro-batches' gradients are given at once; use each as if it were freed after its micro-batch.
//
// Write: the two groups of a rank, and the sum of its part over all ranks and micro-batches. About
//        12 lines.
// Shapes: micro-batches' gradients [elements] → [elements/shards.size()].
// Ledger: a reduce_scatter of [elements] in each micro-batch, and one all_reduce of
//         [elements/shards.size()], nothing else.
#include "exercises/16_fully_sharded/3_hybrid.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

HybridGroups hybrid_groups(Communicator& dp, int shard_ranks) { todo("hybrid_groups"); }

Tensor hybrid_gradient(Communicator& shards, Communicator& replicas,
                       const std::vector<Tensor>& gradients) {
  todo("hybrid_gradient");
}

}  // namespace shard
