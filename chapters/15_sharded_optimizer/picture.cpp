#include "chapters/15_sharded_optimizer/picture.h"

#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_15 {
namespace {

constexpr double cell = 26, height = 30, gap = 10, left = 96, names = 26;

Box box_of(Point at, int64_t element, int row) {
  return {at.x + left + static_cast<double>(element) * cell, at.y + names + row * (height + gap),
          cell, height};
}

/// The names of the parameters above their elements, with a line where one ends.
void draw_parameters(Svg& svg, Point at, const FlatBucket& bucket, int rows) {
  int64_t begin = 0;
  for (const Parameter* parameter : bucket.parameters()) {
    const int64_t end = begin + parameter->shard.local().elements();
    const Box first = box_of(at, begin, 0), past = box_of(at, end, 0);
    svg.text({(first.x + past.x) / 2, at.y + 10}, parameter->name,
             {.size = 14, .anchor = Anchor::middle});
    const double bottom = box_of(at, 0, rows - 1).y + height;
    svg.line({past.x, at.y}, {past.x, bottom + 6}, {.stroke = ink, .dash = 4, .space = 3});
    begin = end;
  }
}

/// What all ranks hold, in the colour of the rank that updates it.
void draw_whole(Svg& svg, Point at, const FlatBucket& bucket) {
  svg.text({at.x, box_of(at, 0, 0).middle().y}, "weights", {.size = 15});
  for (int rank = 0; rank < bucket.ranks(); ++rank) {
    const Range range = bucket.range_of(rank);
    svg.begin({{"data-rank", text(rank)}, {"data-range", text(range.begin, "-", range.end)}});
    const Paint own{.fill = colour_of(rank), .stroke = ink},
        padding{.stroke = ink, .dash = 3, .space = 3};
    for (int64_t i = range.begin; i < range.end; ++i)
      svg.rectangle(box_of(at, i, 0), i < bucket.elements() ? own : padding);
    svg.end();
  }
}

/// What a rank alone holds: moments, and with ZeRO-2 sums of gradients.
void draw_own(Svg& svg, Point at, const FlatBucket& bucket, int rank) {
  const Range range = bucket.range_of(rank);
  const Box first = box_of(at, range.begin, rank + 1);
  svg.text({at.x, first.middle().y}, text("rank ", rank, "'s"), {.size = 15});
  svg.begin({{"data-own", text(rank)}, {"data-range", text(range.begin, "-", range.end)}});
  svg.rectangle({first.x, first.y, static_cast<double>(range.size()) * cell, height},
                {.fill = colour_of(rank), .stroke = ink});
  svg.text({first.x + static_cast<double>(range.size()) * cell / 2, first.middle().y}, "m, v, g",
           {.size = 15, .anchor = Anchor::middle, .colour = ink_on(rank)});
  svg.end();
}

}  // namespace

void draw_ranges(Report& report, const FlatBucket& bucket) {
  const int ranks = bucket.ranks(), rows = ranks + 1;
  PicturePage page("A flat bucket and its ranges",
                   text(counted(bucket.elements(), "element"), " of ",
                        counted(bucket.parameters().size(), "parameter"), " in a row, cut into ",
                        counted(ranks, "range"), " of ", bucket.range_of(0).size(),
                        ", one for each rank. A range begins and ends within a parameter; what is "
                        "left at the end of the last one is padding."));
  page.sentence(
      "Every rank has all weights, but moments m and v, and the summed gradient g, of its own "
      "range "
      "only. It updates these weights, in the colour of the rank, and gathers the others.");
  page.drawing(left + static_cast<double>(bucket.padded()) * cell, names + rows * (height + gap),
               [=, &bucket](Svg& svg, Point at) {
                 draw_parameters(svg, at, bucket, rows);
                 draw_whole(svg, at, bucket);
                 for (int rank = 0; rank < ranks; ++rank) draw_own(svg, at, bucket, rank);
               });
  page.legend(keys_of_ranks(ranks));
  report.picture(page.drawn());
}

}  // namespace shard::chapter_15
