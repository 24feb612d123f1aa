// Exercise 22.3: one norm over tp, cp, pp, dp and ep.
//
// In exercise 10.2 a gradient was split over tp or dp or both. On the whole grid each kind of
// parameter has its own axes: a cut matrix is in parts over tp, and another one on every stage; a
// norm's gain is the same on all tp ranks; the tied table is the same on the first and the last
// stage; a sharded optimizer has ranges over cp and dp; experts differ along ep, and their copies
// are along edp. A norm that counts one of them twice, or not at all, clips every step wrongly, and
// no loss shows it.
//
//     what counts on this rank: the gradients that no lower rank of its grid holds, too
//
// Norms of several groups could be added up, but which ranks are in which sum then depends on the
// kind. One sum over all ranks does for all kinds.
//
// Write: the norm of the whole gradient, each element counted once. About 10 lines.
// Shapes: those of SummedGradient; not every rank has the same number of gradients.
// Ledger: one all_reduce of one number, nothing else.
#include "exercises/22_the_whole_grid/3_five_axes.h"

#include "exercises/todo.h"

namespace shard {

double gradient_norm(Grid& grid, const std::vector<SummedGradient>& gradients) {
  todo("gradient_norm");
}

}  // namespace shard
