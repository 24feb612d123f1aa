#include "chapters/20_context_parallel/picture.h"

#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_20 {
namespace {

constexpr double side = 250, gap = 60, strip = 22;

/// Where positions `range` of `context` lie on a side.
Range pixels(Range range, int64_t context) {
  const double scale = side / static_cast<double>(context);
  return {static_cast<int64_t>(static_cast<double>(range.begin) * scale),
          static_cast<int64_t>(static_cast<double>(range.end) * scale)};
}

Box box_of(const ScoreBlock& block, int64_t context, Point at) {
  const Range x = pixels(block.keys.positions, context),
              y = pixels(block.queries.positions, context);
  return {at.x + static_cast<double>(x.begin), at.y + static_cast<double>(y.begin),
          static_cast<double>(x.size()), static_cast<double>(y.size())};
}

/// The matrix of scores: queries down, keys to the right. Each block has the colour of the rank
/// that computes it, and the number of the step; what the mask hides of a block is left white.
void draw_scores(Svg& svg, Point at, const SequenceCut& cut, int64_t context) {
  for (int rank = 0; rank < cut.ranks; ++rank) {
    for (const Chunk& chunk : cut.chunks(context, rank)) {
      const Range rows = pixels(chunk.positions, context);
      svg.begin({{"data-rank", text(rank)}, {"data-chunk", text(chunk.positions.begin)}},
                text("rank ", rank, ": tokens ", chunk.positions.begin, " … ",
                     chunk.positions.end - 1));
      svg.rectangle({at.x - strip - 6, at.y + static_cast<double>(rows.begin), strip,
                     static_cast<double>(rows.size())},
                    {.fill = colour_of(rank)}, 0);
      svg.end();
    }
    for (int step = 0; step < cut.ranks; ++step) {
      const int owner = (rank + cut.ranks - step) % cut.ranks;
      for (const ScoreBlock& block : cut.blocks(context, rank, owner)) {
        const Box box = box_of(block, context, at);
        const bool is_whole = block.keys.positions.end <= block.queries.positions.begin + 1;
        svg.begin({{"data-rank", text(rank)},
                   {"data-step", text(step)},
                   {"data-entries", text(block.entries())}},
                  text("rank ", rank, ", step ", step, ": ", block.entries(), " scores"));
        const Paint paint{.fill = colour_of(rank), .stroke = ink, .stroke_width = 0.5};
        if (is_whole) {
          svg.rectangle(box, paint, 0);
        } else {
          svg.polygon({{box.x, box.y},
                       {box.x, box.y + box.height},
                       {box.x + box.width, box.y + box.height}},
                      paint);
        }
        const Point middle =
            is_whole ? box.middle() : Point{box.x + 0.33 * box.width, box.y + 0.68 * box.height};
        svg.text(middle, text(step),
                 {.size = 12, .anchor = Anchor::middle, .colour = ink_on(rank)});
        svg.end();
      }
    }
  }
}

}  // namespace

void draw_work(Runtime& runtime, Report& report, int64_t context) {
  if (runtime.options().picture.empty()) return;
  const int ranks = runtime.world().size();
  PicturePage page(
      "Who computes which scores, and when",
      text("Two matrices of causal scores of ", context,
           " tokens, queries down and keys to the "
           "right, on ",
           counted(ranks, "rank"),
           ". Each block has the colour of the rank that computes it and the number of the ring's "
           "step. Cut contiguously, the last rank has the most blocks; cut in a zigzag, all ranks "
           "have equally many in every step."));
  page.sentence(
      "Each row is a query, each column a key. At the left: which rank has the tokens. In a block: "
      "the step in which this rank has the keys.");
  page.drawing(2 * (side + strip + 6) + gap, side + 30, [=](Svg& svg, Point at) {
    for (const CutKind kind : {CutKind::contiguous, CutKind::zigzag}) {
      const double left = at.x + strip + 6 + (kind == CutKind::zigzag ? side + strip + 6 + gap : 0);
      svg.text({left + side / 2, at.y + 8}, to_string(kind),
               {.anchor = Anchor::middle, .bold = true});
      draw_scores(svg, {left, at.y + 26}, {kind, ranks}, context);
    }
  });
  page.legend(keys_of_ranks(ranks));
  report.picture(page.drawn());
}

}  // namespace shard::chapter_20
