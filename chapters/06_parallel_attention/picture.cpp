#include "chapters/06_parallel_attention/picture.h"

#include "common/base/counted.h"
#include "common/draw/matrix_picture.h"

namespace shard::chapter_06 {

void draw_qkv_cut(Runtime& runtime, Report& report, ParallelAttention& layer, int64_t width) {
  constexpr double across = 460, down = 84;
  Communicator& world = runtime.world();
  const int ranks = world.size();
  const Shard qkv = layer.parameters()[0]->shard, projection = layer.parameters()[2]->shard;
  const Shard one_range = Shard::of_columns(qkv.whole, {part_of(3 * width, ranks, world.rank())});
  std::vector<MatrixPicture::Label> names;
  for (int64_t i = 0; i < 3; ++i) {
    const Range columns{i * width, (i + 1) * width};
    names.push_back({columns, text(std::string("QKV").substr(static_cast<size_t>(i), 1), ": ",
                                   columns.begin, " … ", columns.end - 1)});
  }
  MatrixPicture picture(
      "The cut of A = [Q K V] by heads",
      text("The columns of the fused matrix A = Q, K, V side by side. With ",
           counted(ranks, "rank"),
           " each one holds the same share of the columns of Q, of K and of V: those of its "
           "heads. One range of all columns for each rank would be wrong. The projection B is cut "
           "by "
           "rows, those of the same heads."));
  picture.line("Rank i holds the columns of its heads in each of Q, K and V:");
  picture.areas("A", gather_parts(world, qkv), across, down, names);
  if (ranks > 1) {
    picture.line(
        "Wrong, though all shapes fit: one range of columns for each rank, as of a plain matrix.");
    picture.areas("A cut like a plain matrix", gather_parts(world, one_range), across, down, names);
  }
  picture.line("The projection's rows are those of the same heads:");
  picture.areas("B", gather_parts(world, projection), across / 3, across / 3);
  report.picture(picture.drawn());
}

}  // namespace shard::chapter_06
