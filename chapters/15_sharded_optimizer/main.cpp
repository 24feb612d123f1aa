// Chapter 15: a sharded optimizer (ZeRO). Data-parallel ranks hold the same weights, but each keeps
// the moments of 1/d of them only, and updates only these.
#include "chapters/15_sharded_optimizer/flat_bucket.h"
#include "common/base/counted.h"
#include "common/program/runtime.h"

using namespace shard;

/// The parameters of a linear layer of 4 × 4 and a norm before it, in one flat bucket.
void show_ranges(Runtime& runtime, Report& report) {
  const int ranks = runtime.world().size();
  Parameter gain(runtime.backend(), "ln.weight", Shard::all({4}), 0, 0.0f, 1.0f),
      weight(runtime.backend(), "fc.weight", Shard::all({4, 4}), 0, 1.0f),
      bias(runtime.backend(), "fc.bias", Shard::all({4}), 0, 1.0f);
  const FlatBucket bucket({&bias, &weight, &gain}, ranks);
  report.heading(text("24 elements in ", counted(ranks, "range"), " of ", bucket.range_of(0).size(),
                      ", wherever that cuts"));
  Table table({"rank", "range", "pieces", "decay"});
  int64_t elements = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const Range range = bucket.range_of(rank);
    std::string name = text(rank), from_to = text(range.begin, " … ", range.end - 1);
    for (const FlatPiece& piece : bucket.pieces_of(rank)) {
      table.row(
          {name, from_to,
           text(piece.parameter->name, " ", piece.elements.begin, " … ", piece.elements.end - 1),
           piece.decays() ? "yes" : "no"});
      name = from_to = "";
      elements += piece.elements.size();
    }
  }
  report.table(table);
  report.check("every element is in one rank's range", elements == bucket.elements());
}

int main(int argc, char** argv) {
  Options options("15_sharded_optimizer", "AdamW's state cut over data-parallel ranks (ZeRO)");
  return run(options, argc, argv,
             [&](Runtime& runtime, Report& report) { show_ranges(runtime, report); });
}
