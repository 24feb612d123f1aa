// Exercise 04.2: columns that do not come out even.
//
// The layer of this chapter cuts between any two columns. In attention, the columns of one head
// belong together, so columns are assigned in blocks, and there may be fewer blocks than ranks
// (Megatron-LM refuses sizes that t does not divide). A rank without columns still takes part in
// every collective. gather_columns of the chapter only supports the chapter's cut.
//
// Write: a rank's range of columns; then its columns of Y, and the gather that puts the columns of
//        all ranks in their place on every rank. About 17 lines.
// Shapes: x [tokens × in], a [in × out], bias [out] → [tokens × out]; in between [tokens × own
//         columns], where the number of own columns may be 0.
// Ledger: one all_gather of tokens × own columns elements, nothing else: no padding.
#include "exercises/04_column_parallel_gemm/2_uneven_columns.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank) { todo("columns_of_rank"); }

Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block) {
  todo("column_parallel_gathered");
}

}  // namespace shard
