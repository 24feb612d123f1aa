#include "chapters/06_parallel_attention/picture.h"
#include "common/draw/picture_page.h"
#include "common/tensor/attention_tiles.h"

namespace shard::chapter_06 {
namespace {

constexpr int64_t context = 512;  // of one sequence and head
constexpr int head_width = 64, warps = 4;
constexpr double pixels = 0.65;  // of a query or key
constexpr double side = pixels * context, margin = 26;

/// The scores of all queries (downwards) and keys (to the right), in the tiles of one kernel. A
/// block of threads has the tiles of a row, or of a column, in one colour.
class ScoresInTiles {
 public:
  ScoresInTiles(std::string kernel, AttentionTiles tiles, bool blocks_have_keys)
      : kernel_(std::move(kernel)), tiles_(tiles), blocks_have_keys_(blocks_have_keys) {}

  void draw(Svg& svg, Point at) const {
    svg.text({at.x, at.y + margin / 2}, kernel_, {.bold = true});
    const Point corner{at.x, at.y + margin};
    for (int64_t row = 0; row < context; row += tiles_.rows) {
      for (int64_t column = 0; column < context; column += tiles_.columns)
        draw_tile(svg, corner, {row, row + tiles_.rows}, {column, column + tiles_.columns});
    }
    draw_loop(svg, corner);
  }

 private:
  /// Rows are the block's, columns those that it goes over.
  void draw_tile(Svg& svg, Point corner, Range rows, Range columns) const {
    const Range queries = blocks_have_keys_ ? columns : rows,
                keys = blocks_have_keys_ ? rows : columns;
    const bool some_seen = keys.begin < queries.end, all_seen = keys.end <= queries.begin + 1;
    const Box box{corner.x + pixels * static_cast<double>(keys.begin),
                  corner.y + pixels * static_cast<double>(queries.begin),
                  pixels * static_cast<double>(keys.size()),
                  pixels * static_cast<double>(queries.size())};
    svg.begin({{"data-kernel", kernel_},
               {"data-queries", text(queries.begin, "-", queries.end)},
               {"data-keys", text(keys.begin, "-", keys.end)},
               {"data-seen", all_seen    ? "all"
                             : some_seen ? "some"
                                         : "none"}});
    const std::string colour = colour_of(static_cast<int>(rows.begin / tiles_.rows));
    svg.rectangle(box,
                  {.fill = some_seen ? colour : "none",
                   .stroke = ink,
                   .stroke_width = 1,
                   .opacity = all_seen    ? 0.9
                              : some_seen ? 0.45
                                          : 0.35},
                  0);
    svg.end();
  }

  /// The rows of the warps of one block, and the direction in which it goes.
  void draw_loop(Svg& svg, Point corner) const {
    const double block = blocks_have_keys_ ? 3 : 2;
    const double rows = pixels * tiles_.rows, first = block * rows, last = first + rows;
    const double begin = blocks_have_keys_ ? first : 0, end = blocks_have_keys_ ? side : last;
    const auto point = [&](double along, double across) {
      return blocks_have_keys_ ? Point{corner.x + across, corner.y + along}
                               : Point{corner.x + along, corner.y + across};
    };
    for (int warp = 1; warp < warps; ++warp) {
      const double across = first + warp * rows / warps;
      svg.line(point(begin, across), point(end, across),
               {.stroke = ink, .stroke_width = 1, .dash = 3, .space = 3});
    }
    const double second_warp = first + 1.5 * rows / warps;
    svg.arrow(point(begin + 8, second_warp), point(end - 8, second_warp), ink, 3);
  }

  std::string kernel_;
  AttentionTiles tiles_;
  bool blocks_have_keys_;
};

std::string sizes(AttentionTiles tiles, const char* rows, const char* columns) {
  return text(tiles.rows, " ", rows, " × ", tiles.columns, " ", columns);
}

}  // namespace

void draw_tiles(Report& report) {
  const AttentionTiles forward = forward_tiles(head_width), dq = query_gradient_tiles(head_width),
                       dk_dv = key_gradient_tiles(head_width);
  PicturePage page(
      "The tiles of attention as one operation",
      text("The scores of ", context, " queries, downwards, and ", context,
           " keys, to the right, of one head of ", head_width,
           " columns in bf16, as a grid of tiles. In the forward pass a block of threads takes ",
           forward.rows, " queries and goes over the keys, ", forward.columns,
           " at a time, from the left up to the diagonal. For dQ tiles are ",
           sizes(dq, "queries", "keys"), ". For dK and dV a block takes ", dk_dv.rows,
           " keys and goes over the queries, ", dk_dv.columns,
           " at a time, from the diagonal down. Tiles above the diagonal are left out."));
  page.sentence(text(
      "Queries downwards, keys to the right: one head, ", context,
      " positions. A colour is a block of threads; the arrow is its loop over tiles, the dashed "
      "lines divide the rows of a tile among its 4 warps. Pale tiles are masked in part, empty "
      "ones are never computed."));
  const ScoresInTiles left(text("Output: ", sizes(forward, "queries", "keys")), forward, false),
      right(text("dK and dV: ", sizes(dk_dv, "keys", "queries")), dk_dv, true);
  constexpr double gap = 36;
  page.drawing(2 * side + gap, side + margin, [=](Svg& svg, Point at) {
    left.draw(svg, at);
    right.draw(svg, {at.x + side + gap, at.y});
  });
  page.sentence(text("dQ goes like the output, in tiles of ", sizes(dq, "queries", "keys"), "."));
  report.picture(page.drawn());
}

}  // namespace shard::chapter_06
