#include "chapters/04_column_parallel_gemm/picture.h"

#include "common/base/counted.h"
#include "common/draw/matrix_picture.h"

namespace shard::chapter_04 {

void draw_column_parallel(Runtime& runtime, Report& report, Range part, const Tensor& x,
                          const Tensor& a, const Tensor& columns) {
  Communicator& world = runtime.world();
  const Shard cut = Shard::of_columns({4, 4}, {part});
  MatrixPicture picture(
      "Y = X·A with A cut by columns",
      text("The worked example on ", counted(world.size(), "rank"),
           ". Every rank holds all of X. Rank i holds some columns of A, shown in its colour, "
           "and computes the same columns of Y, which are complete: nothing is added."));
  picture.line(
      "Every rank holds X, and rank i some columns of A. They make the same columns of Y, "
      "complete:");
  picture.matrix("X", gather_parts(world, Shard::all(x.shape()), x));
  picture.sign("·");
  picture.matrix("A", gather_parts(world, cut, a));
  picture.sign("=");
  picture.matrix("Y", gather_parts(world, cut, columns));
  report.picture(picture.drawn());
}

}  // namespace shard::chapter_04
