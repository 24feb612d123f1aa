#include "chapters/13_sequence_parallel/picture.h"

#include "common/base/counted.h"
#include "common/draw/matrix_picture.h"

namespace shard::chapter_13 {

void draw_regions(Runtime& runtime, Report& report, const Trial& trial) {
  Communicator& world = runtime.world();
  const Sizes& s = trial.whole.sizes;
  const int64_t rows = s.batch * s.context;
  const Shard own_rows = Shard::of_rows({rows, s.width}, trial.own);
  const Shard all_rows = Shard::all({rows, s.width});
  const Shard own_columns =
      Shard::of_columns({rows, s.hidden}, {part_of(s.hidden, world.size(), world.rank())});
  const std::vector<HeldPart> by_rows = gather_parts(world, own_rows),
                              by_columns = gather_parts(world, own_columns),
                              everywhere = gather_parts(world, all_rows);
  std::vector<MatrixPicture::Label> labels;
  for (const HeldPart& part : by_rows) {
    const Range range = part.shard.rows.front();
    labels.push_back({range, text("rows ", range.begin, " … ", range.end - 1)});
  }
  MatrixPicture picture(
      "Rows, then columns, then rows again",
      text("The activations of an MLP on ", counted(world.size(), "rank"), ": ", rows,
           " rows. Outside of it each rank has some rows; the all-gather gives every rank all "
           "rows; inside, each rank has some hidden columns; the reduce-scatter leaves each rank "
           "its rows of the sum."));
  constexpr double height = 150, narrow = 90, wide = 200;
  picture.line("Into the MLP: norm, residual and dropout on own rows; g, an all-gather:");
  picture.areas("norm₂(u)", by_rows, narrow, height);
  picture.sign("→ g →");
  picture.areas("all rows", everywhere, narrow, height);
  picture.line("Inside: every rank multiplies all rows by its columns, then by its rows:");
  picture.areas("gelu(X·A)", by_columns, wide, height);
  picture.sign("· B →");
  picture.areas("one term each", everywhere, narrow, height);
  picture.line("Out of it: ḡ, a reduce-scatter, adds the terms, and leaves each rank its rows:");
  picture.areas("one term each", everywhere, narrow, height);
  picture.sign("→ ḡ →");
  picture.areas("Z", by_rows, narrow, height, {}, labels);
  report.picture(picture.drawn());
}

}  // namespace shard::chapter_13
