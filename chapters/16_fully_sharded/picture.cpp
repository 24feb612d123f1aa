#include "chapters/16_fully_sharded/picture.h"

#include <algorithm>

#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_16 {
namespace {

constexpr double left = 56, row_height = 40, bar_height = 24;
constexpr double widest = 640, widest_column = 26;

/// A stay of a unit's weights: from its gather to its free, in columns.
struct Stay {
  size_t gather = 0, use = 0, free = 0;  // use: the first pass that finds them
};

std::vector<Stay> stays_of(const std::vector<Event>& events, const std::string& unit) {
  std::vector<Stay> stays;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].unit != unit) continue;
    if (events[i].what == "gather") stays.push_back({i, events.size(), events.size()});
    if (stays.empty()) continue;
    if (events[i].what == "free") stays.back().free = i;
    if (events[i].what == "forward" || events[i].what == "backward")
      stays.back().use = std::min(stays.back().use, i);
  }
  return stays;
}

struct Row {
  const std::vector<Event>& events;
  std::string unit;
  Point at;  // of its bars
  double column;

  double x(size_t event) const { return at.x + static_cast<double>(event) * column; }

  void draw(Svg& svg, int colour) const {
    svg.text({at.x - left, at.y + bar_height / 2}, unit, {.size = 15});
    for (const auto& [gather, use, free] : stays_of(events, unit)) {
      svg.begin({{"data-unit", unit}, {"data-gather", text(gather)}, {"data-free", text(free)}},
                text(unit, ": gathered at event ", gather, ", freed at event ", free));
      svg.rectangle({x(gather), at.y, x(free) - x(gather), bar_height},
                    {.stroke = colour_of(colour), .stroke_width = 1.5, .dash = 4, .space = 3});
      svg.rectangle({x(use), at.y, x(free) - x(use), bar_height}, {.fill = colour_of(colour)});
      svg.end();
    }
    for (size_t i = 0; i < events.size(); ++i) {
      if (events[i].unit != unit || (events[i].what != "forward" && events[i].what != "backward"))
        continue;
      svg.text({x(i) + column / 2, at.y + bar_height / 2}, events[i].what == "forward" ? "F" : "B",
               {.size = 14, .anchor = Anchor::middle, .colour = ink_on(colour), .bold = true});
    }
  }
};

}  // namespace

void show_picture(const Setup& setup, const std::vector<Event>& events,
                  const std::vector<std::string>& units) {
  if (setup.runtime.options().picture.empty()) return;
  const double column = std::min(widest_column, widest / static_cast<double>(events.size()));
  PicturePage page(
      "Which weights a rank has, event by event",
      text(
          "One step with a root unit and ", counted(units.size() - 1, "other"),
          ", a row for each unit, and a column for each of ", events.size(),
          " events. A bar begins where the unit's gather starts, is filled from its first pass on, "
          "and ends where the weights are freed. In the forward pass the bars form a staircase, in "
          "which each overlaps the next. The last unit has one bar for both passes. In the "
          "backward "
          "pass the staircase leads back. The root's bar spans the whole step."));
  page.sentence(
      "From left to right, the events of one step with prefetch. A dashed bar: the weights are on "
      "their way, or wait; filled: used, forward (F) and backward (B). Of all units but the root "
      "there are two at most.");
  page.drawing(left + column * static_cast<double>(events.size()) + 8,
               row_height * static_cast<double>(units.size()), [=](Svg& svg, Point at) {
                 for (size_t i = 0; i < units.size(); ++i) {
                   const Row row{events,
                                 units[i],
                                 {at.x + left, at.y + row_height * static_cast<double>(i)},
                                 column};
                   row.draw(svg, static_cast<int>(i));
                 }
               });
  setup.report.picture(page.drawn());
}

}  // namespace shard::chapter_16
