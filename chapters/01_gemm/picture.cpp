#include "chapters/01_gemm/picture.h"

#include "chapters/01_gemm/column_major.h"
#include "chapters/01_gemm/worked_example.h"
#include "common/draw/matrix_picture.h"
#include "common/tensor/ops.h"

namespace shard::chapter_01 {

void draw_worked_example(Runtime& runtime, Report& report) {
  const WorkedExample example = worked_example();
  const Tensor x = to_tensor(runtime.backend(), example.x),
               a = to_tensor(runtime.backend(), example.a);
  const Tensor seen = to_tensor(runtime.backend(), read_by_columns(example.x.values, 4, 4));
  const auto parts = [&](const Tensor& all) {
    return gather_parts(runtime.world(), Shard::all(all.shape()), all);
  };
  MatrixPicture picture("Y = X·A on one device",
                        "The matrices X, A and their product Y, 4 by 4 each, in numbers. Row 1 of "
                        "X, column 3 of A and "
                        "the element of Y that they make are framed. Below, X as it lies in "
                        "memory, row after row, and "
                        "the transposed matrix that a column-major library sees there.");
  picture.line(dot_product(example, 1, 3));
  picture.matrix("X", parts(x));
  picture.frame({1, 2}, {0, 4});
  picture.sign("·");
  picture.matrix("A", parts(a));
  picture.frame({0, 4}, {3, 4});
  picture.sign("=");
  picture.matrix("Y", parts(matmul(x, a)));
  picture.frame({1, 2}, {3, 4});
  picture.line("In memory X lies row after row:");
  picture.matrix("X in memory", parts(x.reshape({1, 16})));
  picture.frame({0, 1}, {4, 8});
  picture.line("A column-major library reads it column after column, and sees Xᵀ:");
  picture.matrix("Xᵀ", parts(seen));
  picture.frame({0, 4}, {1, 2});
  report.picture(picture.drawn());
}

}  // namespace shard::chapter_01
