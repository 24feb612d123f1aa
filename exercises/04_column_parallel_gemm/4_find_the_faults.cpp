// Exercise 04.4: find the faults in a layer that takes all of X.
//
// This layer is row-parallel, as in chapter 03, but its X is not cut yet: every rank has all of it,
// takes its own columns, and returns a whole dX (input_is_parallel=False in Megatron-LM's
// RowParallelLinear). The code below is complete, compiles, and communicates as it should, but
// three places are wrong. The header says what it must do. Delete the line todo(…) first: from then
// on the test says what it sees, on 1 rank, then on 2, 3 and 4. A message describes a result; which
// line causes it is for you to find. A result may be right on one rank, or in the first of two
// micro-batches, and still be wrong.
//
// Write: corrections of the three faults; all other lines can stay. About 3 lines.
// Shapes: x, dX [tokens × in], a, da [in/t × out], bias, db [out], Y, dy [tokens × out]. t need not
//         divide in.
// Ledger: forward one all_reduce of tokens × out elements, backward one all_gather of this rank's
//         tokens × in/t elements, nothing else.
#include "exercises/04_column_parallel_gemm/4_find_the_faults.h"

#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"
#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

/// This rank's columns of x [tokens × in]: [tokens × in/t].
static Tensor own_columns(const Communicator& group, const Tensor& x) {
  return columns_of(x, part_of(x.columns(), group.size(), group.rank()));
}

Tensor whole_input_forward(Communicator& group, const Tensor& x, const Tensor& a,
                           const Tensor& bias) {
  todo("delete this line, then find the faults");
  Tensor y = group.all_reduce(PartialSum(matmul(own_columns(group, x), a)));  // [tokens × out]
  if (group.rank() == 0) add_bias(y, bias);
  return y;
}

Tensor whole_input_backward(Communicator& group, const Tensor& x, const Tensor& a, const Tensor& dy,
                            Tensor& da, Tensor& db) {
  const Tensor own_dx = matmul(dy, transposed(a));     // [tokens × in/t]
  da = matmul(transposed(own_columns(group, x)), dy);  // [in/t × out]
  add_column_sums(db, dy);
  std::vector<int64_t> counts = part_sizes(x.columns(), group.size());
  for (int64_t& count : counts) count *= x.rows();  // elements of every rank's piece
  const Tensor dx = group.all_gather(own_dx.reshape({own_dx.elements()}), counts);
  return dx.reshape({x.rows(), x.columns()});
}

}  // namespace shard
