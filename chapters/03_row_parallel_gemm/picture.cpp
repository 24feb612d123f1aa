#include "chapters/03_row_parallel_gemm/picture.h"

#include "common/base/counted.h"
#include "common/draw/matrix_picture.h"
#include "common/tensor/ops.h"

namespace shard::chapter_03 {

void draw_row_parallel(Runtime& runtime, Report& report, Range part, const Tensor& x,
                       const Tensor& a) {
  Communicator& world = runtime.world();
  MatrixPicture picture(
      "Y = X·A with A cut by rows",
      text(
          "The worked example on ", counted(world.size(), "rank"),
          ". Rank i holds some columns of X and the same rows of A, shown in its colour. Its "
          "product is a whole matrix, one term of Y. The all-reduce adds the terms, and every rank "
          "holds Y."));
  picture.line("Rank i holds columns of X and the same rows of A:");
  picture.matrix("X", gather_parts(world, Shard::of_columns({4, 4}, {part}), x));
  picture.sign("·");
  picture.matrix("A", gather_parts(world, Shard::of_rows({4, 4}, part), a));
  picture.line("Its product is as large as Y, and one term of it:");
  const Tensor term = matmul(x, a);  // [4 × 4]
  const int in_a_line = world.size() == 4 ? 2 : 3;
  for (const HeldPart& of_rank : gather_parts(world, Shard::all(term.shape()), term)) {
    if (of_rank.rank > 0 && of_rank.rank % in_a_line == 0) picture.line("");
    if (of_rank.rank > 0) picture.sign("+");
    picture.matrix("X" + subscript(of_rank.rank) + "·A" + subscript(of_rank.rank), {of_rank});
  }
  const Tensor y = world.all_reduce(PartialSum(term));  // the term is gone from here on
  picture.line("The all-reduce adds the terms:");
  picture.matrix("Y", gather_parts(world, Shard::all(y.shape()), y));
  report.picture(picture.drawn());
}

}  // namespace shard::chapter_03
