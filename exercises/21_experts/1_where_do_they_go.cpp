// Exercise 21.1: where do they go?
//
// Before a single number of a token moves, the ranks must agree on how many rows go from whom to
// whom. Each rank knows everybody's counts; the rest is arithmetic. A mistake here gives rows of
// the right shape to the wrong expert, or, with equal counts, to the right one by chance.
//
//     choices ─ by expert ─ all-to-all ─ [sender][own expert] ─ sort ─ [own expert][sender]
//
// Write: the counts and displacements of the exchange, the order in which rows are sent, and the
//        order in which they are sorted when they have come. About 37 lines in all.
// Shapes: lists; a rank may have no tokens, an expert none, and a rank no expert.
// Ledger: nothing: all three functions only plan.
#include "exercises/21_experts/1_where_do_they_go.h"

#include "exercises/todo.h"

namespace shard {

Exchange exchange_of(const ChoiceCounts& counts, int rank, int64_t width) { todo("exchange_of"); }

std::vector<int64_t> rows_to_send(const std::vector<int64_t>& chosen, int64_t experts) {
  todo("rows_to_send");
}

std::vector<int64_t> rows_by_expert(const ChoiceCounts& counts, int rank) {
  todo("rows_by_expert");
}

}  // namespace shard
