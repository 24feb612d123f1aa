// Chapter 15: a sharded optimizer (ZeRO). Data-parallel ranks hold the same weights, but each keeps
// the moments of 1/d of them only, and updates only these.
#include "chapters/15_sharded_optimizer/comparisons.h"
#include "chapters/15_sharded_optimizer/memory.h"
#include "chapters/15_sharded_optimizer/mistakes.h"
#include "chapters/15_sharded_optimizer/picture.h"
#include "common/base/counted.h"

using namespace shard;
using namespace shard::chapter_15;

/// The parameters of a norm and of a linear layer of 4 × 4 after it, in one flat bucket.
void show_ranges(Runtime& runtime, Report& report) {
  const int ranks = runtime.world().size();
  Parameter gain(runtime.backend(), "ln.weight", Shard::all({4}), 0, 0.0f, 1.0f),
      weight(runtime.backend(), "fc.weight", Shard::all({4, 4}), 0, 1.0f),
      bias(runtime.backend(), "fc.bias", Shard::all({3}), 0, 1.0f);
  const FlatBucket bucket({&bias, &weight, &gain}, ranks);
  report.heading(text(bucket.elements(), " elements in ", counted(ranks, "range"), " of ",
                      bucket.range_of(0).size(), ", wherever that cuts"));
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
  if (!runtime.options().picture.empty()) draw_ranges(report, bucket);
}

int main(int argc, char** argv) {
  Settings settings;
  Options options("15_sharded_optimizer",
                  "AdamW's state cut over data-parallel ranks: ZeRO-1 and ZeRO-2");
  add_options(options, settings);
  options.offer_picture("the ranges of a flat bucket");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    complete(settings, runtime);
    report.layout(static_cast<int>(settings.tp),
                  runtime.world().size() / static_cast<int>(settings.tp));
    show_ranges(runtime, report);
    compare_steps(runtime, report, settings);
    show_memory(runtime, report, settings);
    compare_ledgers(runtime, report, settings);
    compare_resumed(runtime, report, settings);
    show_mistakes(runtime, report, settings);
    show_table_1(report);
  });
}
