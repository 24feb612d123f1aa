#include "chapters/05_parallel_mlp/worked_mlp.h"

#include "chapters/01_gemm/worked_example.h"
#include "common/base/counted.h"
#include "common/draw/matrix_picture.h"
#include "common/tensor/ops.h"

namespace shard::chapter_05 {
namespace {

using namespace chapter_01;
using reference::Matrix;

/// One rank's numbers.
struct WorkedMlp {
  Range part;
  Tensor x, a, hidden, b, term;  // [4 × 4], [4 × 4/t], [4 × 4/t], [4/t × 4], [4 × 4]
};

Matrix matrix_b() {
  Matrix b(4, 4);
  b.values = {1,  0,  2, -1,  //
              -1, 1,  0, 2,   //
              0,  -1, 1, 1,   //
              2,  0,  1, -1};
  return b;
}

WorkedMlp compute(Runtime& runtime) {
  const WorkedExample example = worked_example();
  const Range part = part_of(4, runtime.world().size(), runtime.world().rank());
  WorkedMlp mine{part,
                 to_tensor(runtime.backend(), example.x),
                 columns_of(to_tensor(runtime.backend(), example.a), part),
                 {},
                 to_tensor(runtime.backend(), matrix_b()).slice(part),
                 {}};
  mine.hidden = gelu(matmul(mine.x, mine.a));
  mine.term = matmul(mine.hidden, mine.b);
  return mine;
}

void draw(Runtime& runtime, Report& report, const WorkedMlp& mine, const Tensor& z) {
  Communicator& world = runtime.world();
  const Shard columns = Shard::of_columns({4, 4}, {mine.part}),
              rows = Shard::of_rows({4, 4}, mine.part);
  MatrixPicture picture("Z = GeLU(X·A)·B: A cut by columns, B by rows",
                        text("A worked example on ", counted(world.size(), "rank"),
                             ". Every rank holds X. Rank i holds some columns of A, computes "
                             "the same columns of "
                             "H = GeLU(X·A), and holds the same rows of B, all shown in its "
                             "colour. Its product of the "
                             "two is one term of Z. The all-reduce adds the terms."));
  picture.line(
      "Columns of A make columns of H = GeLU(X·A), complete, so GeLU needs no communication:");
  picture.matrix("X", gather_parts(world, Shard::all({4, 4}), mine.x));
  picture.sign("·");
  picture.matrix("A", gather_parts(world, columns, mine.a));
  picture.line("They are just the columns that the rank's rows of B need:");
  picture.matrix("H", gather_parts(world, columns, mine.hidden));
  picture.sign("·");
  picture.matrix("B", gather_parts(world, rows, mine.b));
  picture.line("So every rank has one term of Z:");
  for (const HeldPart& of_rank : gather_parts(world, Shard::all({4, 4}), mine.term)) {
    if (of_rank.rank > 0 && of_rank.rank % 2 == 0) picture.line("");
    if (of_rank.rank > 0) picture.sign("+");
    picture.matrix("H" + subscript(of_rank.rank) + "·B" + subscript(of_rank.rank), {of_rank});
  }
  picture.line("The only all-reduce adds them:");
  picture.matrix("Z", gather_parts(world, Shard::all({4, 4}), z));
  report.picture(picture.drawn());
}

}  // namespace

void show_worked_example(Runtime& runtime, Report& report) {
  Communicator& world = runtime.world();
  const WorkedMlp mine = compute(runtime);
  const int rank = world.rank();
  report.heading(
      "The worked example: rank i holds columns of A, so it has those of H = GeLU(X·A), and the "
      "same rows of B");
  report.line(side_by_side({{"X =", drawn(Matrix(mine.x))}}));
  const std::string lines =
      side_by_side({{text("A", rank, " ="), drawn(Matrix(mine.a))},
                    {text("H", rank, " ="), drawn(Matrix(mine.hidden))},
                    {text("B", rank, " ="), drawn(Matrix(mine.b))},
                    {text("H", rank, "·B", rank, " ="), drawn(Matrix(mine.term))}});
  for (const std::string& ranks_lines : world.gather_text(lines)) report.line(ranks_lines);
  const Tensor z = world.all_reduce(PartialSum(mine.term.clone()));
  report.line("  the only all-reduce adds the terms:\n" +
              side_by_side({{"Z =", drawn(Matrix(z))}}));
  const WorkedExample example = worked_example();
  report.check("Z of the worked example against double precision",
               relative_error(z, matmul(gelu(matmul(example.x, example.a)), matrix_b())), 1e-6);
  if (!runtime.options().picture.empty()) draw(runtime, report, mine, z);
}

}  // namespace shard::chapter_05
