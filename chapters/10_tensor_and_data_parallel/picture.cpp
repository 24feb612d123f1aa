#include "chapters/10_tensor_and_data_parallel/picture.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/draw/plot.h"

namespace shard::chapter_10 {
namespace {

constexpr double cell_width = 152, cell_height = 74, gap = 26, left = 54, top = 30;

/// One rank's place, and what it holds.
struct Place {
  int tp_rank, dp_rank;
  Range heads, sequences;
};

std::vector<Place> gather_places(Communicator& world, Grid& grid, int64_t heads, int64_t batch) {
  const int tp_rank = grid.coordinate("tp"), dp_rank = grid.coordinate("dp");
  const Range mine = part_of(heads, grid.tp().size(), tp_rank),
              part = part_of(batch, grid.dp().size(), dp_rank);
  const nlohmann::json place{tp_rank, dp_rank, mine.begin, mine.end, part.begin, part.end};
  std::vector<Place> places;
  for (const std::string& of_rank : world.gather_text(place.dump())) {
    const auto n = nlohmann::json::parse(of_rank).get<std::vector<int64_t>>();
    places.push_back({static_cast<int>(n[0]), static_cast<int>(n[1]), {n[2], n[3]}, {n[4], n[5]}});
  }
  return places;
}

std::string range_text(const std::string& what, Range range) {
  return range.size() == 1 ? text(what, " ", range.begin)
                           : text(what, "s ", range.begin, " … ", range.end - 1);
}

Box cell(Point at, int tp_rank, int dp_rank) {
  return {at.x + left + tp_rank * (cell_width + gap), at.y + top + dp_rank * (cell_height + gap),
          cell_width, cell_height};
}

void draw_place(Svg& svg, Point at, int rank, const Place& place) {
  const Box box = cell(at, place.tp_rank, place.dp_rank);
  const double middle = box.middle().x;
  svg.begin({{"data-rank", text(rank)},
             {"data-tp", text(place.tp_rank)},
             {"data-dp", text(place.dp_rank)}});
  svg.rectangle(box, {.fill = colour_of(rank)}, 8);
  TextStyle style{.size = 16, .anchor = Anchor::middle, .colour = ink_on(rank), .bold = true};
  svg.text({middle, box.y + 17}, text("rank ", rank), style);
  style.size = 14, style.bold = false;
  svg.text({middle, box.y + 39}, range_text("head", place.heads), style);
  svg.text({middle, box.y + 58}, range_text("sequence", place.sequences), style);
  svg.end();
}

/// Frames around the groups: solid around a row, a tp group; dashed around a column, a dp group.
void draw_groups(Svg& svg, Point at, int tp, int dp) {
  constexpr double solid = 6, dashed = 10;
  for (int row = 0; row < dp; ++row) {
    const Box first = cell(at, 0, row), last = cell(at, tp - 1, row);
    svg.rectangle({first.x - solid, first.y - solid, last.x + cell_width - first.x + 2 * solid,
                   cell_height + 2 * solid},
                  {.stroke = ink, .stroke_width = 2}, 12);
    svg.text({at.x, first.middle().y}, text("dp ", row), {.size = 15});
  }
  for (int column = 0; column < tp; ++column) {
    const Box first = cell(at, column, 0), last = cell(at, column, dp - 1);
    svg.rectangle({first.x - dashed, first.y - dashed, cell_width + 2 * dashed,
                   last.y + cell_height - first.y + 2 * dashed},
                  {.stroke = ink, .stroke_width = 1.5, .dash = 5, .space = 4}, 14);
    svg.text({first.middle().x, at.y + 8}, text("tp ", column),
             {.size = 15, .anchor = Anchor::middle});
  }
}

std::vector<Curve> curves_of(const std::vector<LayoutLosses>& layouts, const auto& value) {
  std::vector<Curve> curves;
  for (const auto& [layout, losses] : layouts) {
    Curve& curve = curves.emplace_back(Curve{text("tp ", layout.tp, " × dp ", layout.dp), {}});
    for (size_t i = 0; i < losses.size(); ++i)
      curve.points.push_back({static_cast<double>(i + 1), value(losses, i)});
  }
  return curves;
}

}  // namespace

Table grid_table(int tp, int dp) {
  const GridLayout layout({{"tp", tp}, {"dp", dp}});
  std::vector<std::string> heading{"grid"};
  for (int i = 0; i < tp; ++i) heading.push_back(text("tp ", i));
  Table table(heading);
  for (int j = 0; j < dp; ++j) {
    std::vector<std::string> row{text("dp ", j)};
    for (int i = 0; i < tp; ++i)
      row.push_back(text("rank ", layout.rank_of({{"tp", i}, {"dp", j}})));
    table.row(row);
  }
  return table;
}

void draw_grid(Runtime& runtime, Report& report, Grid& grid, int64_t heads, int64_t batch) {
  const int tp = grid.tp().size(), dp = grid.dp().size();
  const std::vector<Place> places = gather_places(runtime.world(), grid, heads, batch);
  PicturePage page(text("The grid tp ", tp, " × dp ", dp),
                   text(tp * dp, " ranks in ", dp, " rows of ", tp,
                        ". A row is a tp group: its ranks share one replica "
                        "of the model, and each holds some of its heads. A column is a dp group: "
                        "its ranks hold the "
                        "same part of each replica, and each has some sequences of the batch."));
  page.sentence(
      "A row (solid frame) is a tp group: one replica of the model, its heads shared out. Its "
      "ranks sum "
      "activations, several times in every block.");
  page.sentence(
      "A column (dashed) is a dp group: the same part of every replica, for other sequences. Its "
      "ranks sum "
      "gradients, once a step.");
  page.drawing(left + tp * (cell_width + gap), top + dp * (cell_height + gap) - gap + 12,
               [=](Svg& svg, Point at) {
                 draw_groups(svg, at, tp, dp);
                 for (int rank = 0; const Place& place : places) draw_place(svg, at, rank++, place);
               });
  report.picture(page.drawn());
}

void draw_layouts(Report& report, const std::vector<LayoutLosses>& layouts, double tolerance) {
  const std::vector<double>& first = layouts.front().losses;
  PicturePage page(text("The same ", first.size(), " steps in ", layouts.size(), " layouts"),
                   text("Two plots over the training steps. In the upper one the loss curves of ",
                        layouts.size(),
                        " layouts lie on each other. The lower one shows how far they are from "
                        "those of one rank, "
                        "relative to the loss: all are below the allowed ",
                        scientific(tolerance), "."));
  Plot losses{"step", "loss", curves_of(layouts, [](const auto& of, size_t i) { return of[i]; })};
  losses.take_turns = true;
  losses.add_to(page);
  page.sentence(
      "The curves lie on each other: each is drawn in dashes that leave room for the others. How "
      "far they are "
      "from the first:");
  Plot gaps{"step", "relative difference", curves_of(layouts, [&](const auto& of, size_t i) {
              return std::abs(of[i] / first[i] - 1);
            })};
  gaps.logarithmic = true;
  for (Curve& curve : gaps.curves) curve.dots = true;
  gaps.limit = tolerance;
  gaps.limit_name = "allowed";
  gaps.add_to(page);
  report.picture(page.drawn());
}

}  // namespace shard::chapter_10
