// Exercise 18.3: one table on two stages.
//
// GPT-2's table is its embedding and its output projection. In a pipeline the first stage has the
// one and the last stage the other: a copy on each, which must stay the same. So they must begin
// alike, and each step must give both the same gradient: the sum of both terms. Each term is a sum
// over the data-parallel ranks, as all gradients are. In the model's norm the table counts once.
//
// Write: stages_with_table, start_alike and sum_gradients. About 14 lines.
// Shapes: own [elements], the table's gradient [rows × width] on two stages. tp is 1.
// Ledger: start_alike one broadcast; sum_gradients one all_reduce of each gradient over dp, one of
//         the table's over its two stages, and one of a single number.
#include "exercises/18_pipeline/3_one_table.h"

#include "exercises/todo.h"

namespace shard {

std::unique_ptr<Communicator> stages_with_table(Grid& grid) { todo("stages_with_table"); }

void start_alike(Communicator* with_table, Tensor& table) { todo("start_alike"); }

double sum_gradients(Grid& grid, Communicator* with_table, StageGradients& gradients) {
  todo("sum_gradients");
}

}  // namespace shard
