#include "chapters/23_planner/published_picture.h"

#include <algorithm>

#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_23 {
namespace {

constexpr double names = 250, width = 520, row_height = 30, foot = 44, right = 20;
constexpr double most = 15;  // percent, at the ends of the axis

/// A table's steps, under the name of the table.
struct Row {
  std::string table;
  std::vector<const PublishedStep*> steps;
};

std::vector<Row> rows_of(const std::vector<PublishedStep>& steps) {
  std::vector<Row> rows;
  for (const PublishedStep& step : steps) {
    if (rows.empty() || rows.back().table != step.table) rows.push_back({step.table, {}});
    rows.back().steps.push_back(&step);
  }
  return rows;
}

double place_of(double percent) {
  return names + width * (std::clamp(percent, -most, most) + most) / (2 * most);
}

void draw_axis(Svg& svg, Point at, double height) {
  for (int percent = -15; percent <= 15; percent += 5) {
    const double x = at.x + place_of(percent);
    svg.line({x, at.y}, {x, at.y + height},
             {.stroke = ink, .stroke_width = 1, .opacity = percent == 0 ? 0.8 : 0.2});
    svg.text({x, at.y + height + 14}, text(percent > 0 ? "+" : "", percent, " %"),
             {.size = 13, .anchor = Anchor::middle, .digits = true});
  }
  svg.text({at.x + place_of(-most), at.y + height + 34}, "predicted too short", {.size = 13});
  svg.text({at.x + place_of(most), at.y + height + 34}, "too long",
           {.size = 13, .anchor = Anchor::end});
}

void draw_row(Svg& svg, Point at, const Row& row, const Clusters& clusters) {
  svg.text({at.x, at.y + row_height / 2}, row.table, {.size = 13});
  for (const PublishedStep* step : row.steps) {
    const double percent = 100 * error_of(*step, clusters.at(step->cluster));
    svg.begin({{"data-row", step->row}, {"data-error", fixed(percent, 1)}},
              text(step->row, ": ", fixed(percent, 1), " %"));
    const Paint paint = step->fitted ? Paint{.stroke = colour_of(0)} : Paint{.fill = colour_of(0)};
    svg.circle({at.x + place_of(percent), at.y + row_height / 2}, 5, paint);
    svg.end();
  }
}

}  // namespace

void draw_errors(Report& report, const std::vector<PublishedStep>& steps,
                 const Clusters& clusters) {
  const std::vector<Row> rows = rows_of(steps);
  const double height = row_height * static_cast<double>(rows.size());
  PicturePage page("Published step times, and the planner's",
                   text("A row of dots for each of ", counted(rows.size(), "table"),
                        ": by how many "
                        "percent the planner's step time differs from the published one."));
  page.sentence(text("By how much the planner's times differ from ",
                     counted(steps.size(), "published step"),
                     ". Hollow dots: the constants were "
                     "fitted to these. Filled ones: they were not."));
  page.drawing(names + width + right, height + foot, [=, &clusters](Svg& svg, Point at) {
    draw_axis(svg, at, height);
    for (const Row& row : rows) {
      draw_row(svg, at, row, clusters);
      at.y += row_height;
    }
  });
  report.picture(page.drawn());
}

}  // namespace shard::chapter_23
