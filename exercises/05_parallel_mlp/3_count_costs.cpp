// Exercise 05.3: count the costs of three designs.
//
// A design is chosen before it is written, so its communication must be known from its sizes. The
// program of chapter 05 checks the ledger of its three designs after they have run. Here you
// predict it, for any sizes and any number of ranks, on every rank. The test compares with formulas
// at many sizes, up to those of a large model, and with the ledger of the chapter's three classes,
// which it runs on the ranks that are there.
//
// LedgerRow::bytes counts what a rank gives to a collective: not what it gets, and not what it then
// sends. What is sent depends on the algorithm and is 0 in a group of one rank; the call and what
// is given to it are in the ledger there as well.
//
// Write: for each design the collective, its calls and bytes in the forward pass, and the same of
//        the backward pass. About 11 lines.
// Shapes: X and Z [tokens × width], the layer between them [tokens × hidden], all f32. t need not
//         divide width or hidden: cut by part_of, so a rank's bytes may depend on the rank.
// Ledger: nothing; your function computes numbers only.
#include "exercises/05_parallel_mlp/3_count_costs.h"

#include "common/base/partition.h"
#include "exercises/todo.h"

namespace shard {

Costs costs_of(Design design, const MlpSizes& sizes, int ranks, int rank) { todo("costs_of"); }

}  // namespace shard
