#include "common/draw/timeline.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "common/base/error.h"
#include "common/base/format.h"
#include "common/draw/plot.h"

namespace shard {

std::vector<Interval> merged(std::vector<Interval> intervals) {
  std::ranges::sort(intervals, {}, &Interval::begin);
  std::vector<Interval> out;
  for (const Interval& interval : intervals) {
    if (!out.empty() && interval.begin <= out.back().end) {
      out.back().end = std::max(out.back().end, interval.end);
    } else {
      out.push_back(interval);
    }
  }
  return out;
}

std::vector<Interval> without(const std::vector<Interval>& intervals,
                              const std::vector<Interval>& holes) {
  std::vector<Interval> out;
  const std::vector<Interval> in_order = merged(holes);
  for (Interval rest : merged(intervals)) {
    for (const Interval& hole : in_order) {
      if (hole.end <= rest.begin || hole.begin >= rest.end) continue;
      if (hole.begin > rest.begin) out.push_back({rest.begin, hole.begin});
      rest.begin = std::min(hole.end, rest.end);
    }
    if (rest.end > rest.begin) out.push_back(rest);
  }
  return out;
}

namespace {

constexpr double label_width = 104, bars_width = 436, row_height = 20, bar_height = 16,
                 between_ranks = 12;
constexpr double axis_height = 30;

struct Scale {
  Interval when;
  double length;
  double place(double moment) const {
    return std::clamp((moment - when.begin) / (when.end - when.begin), 0.0, 1.0) * length;
  }
};

/// A label of an axis, in the unit that suits the axis' length.
std::string moment_text(double seconds, double length) {
  const bool micro = length < 1e-3, milli = length < 1;
  return short_number(seconds * (micro   ? 1e6
                                 : milli ? 1e3
                                         : 1)) +
         (micro   ? " µs"
          : milli ? " ms"
                  : " s");
}

void draw_axis(Svg& svg, Point at, const Scale& scale, double height) {
  const double length = scale.when.end - scale.when.begin, part = round_part(length, 5);
  for (int i = 0; i * part <= length * 1.001; ++i) {
    const double x = at.x + scale.place(scale.when.begin + i * part);
    svg.line({x, at.y}, {x, at.y + height + 4},
             {.stroke = ink, .stroke_width = 1, .opacity = 0.25});
    svg.text({x, at.y + height + 14}, moment_text(i * part, length),
             {.size = 13, .anchor = Anchor::middle});
  }
}

/// Groups use the last colours of the palette, which differ from those of the first ranks.
std::string colour_of_group(size_t index) { return colour_of(6 - static_cast<int>(index % 4)); }

/// The index of a group among all groups.
size_t index_of(const std::vector<std::string>& groups, const std::string& group) {
  return static_cast<size_t>(std::ranges::find(groups, group) - groups.begin());
}

void draw_bar(Svg& svg, Point at, const Scale& scale, const TimelineBar& bar, BarLook look,
              const std::string& colour) {
  constexpr double least = 1;
  const double begin = scale.place(bar.when.begin), end = scale.place(bar.when.end),
               width = std::max(least, end - begin);
  const Box box{at.x + begin, at.y + (row_height - bar_height) / 2, width, bar_height};
  const bool has_room = width_in({.size = 13}, bar.name) <= width - 6;
  if (look == BarLook::named) {
    if (!has_room) return;
    svg.text(Box{box.x, at.y, width, row_height}.middle(), bar.name,
             {.size = 13, .anchor = Anchor::middle});
    svg.line({box.x + 1, at.y + row_height - 1}, {box.x + width - 1, at.y + row_height - 1},
             {.stroke = ink});
    return;
  }
  if (look == BarLook::computes) {
    svg.rectangle(box, {.fill = colour}, 1);
  } else {
    svg.rectangle(box, {.fill = colour, .opacity = 0.3}, 1);
    svg.rectangle({box.x, box.y + bar_height / 2 - 1.5, width, 3}, {.fill = colour}, 1);
  }
}

}  // namespace

void Timeline::add_to(PicturePage& page) const {
  require(when.end > when.begin, "a timeline of ", when.end - when.begin,
          " seconds cannot be drawn");
  double height = -between_ranks;
  for (const auto& rows : ranks)
    height += row_height * static_cast<double>(rows.size()) + between_ranks;
  const auto draw = [timeline = *this, names = groups(), height](Svg& svg, Point at) {
    const Scale scale{timeline.when, bars_width};
    draw_axis(svg, {at.x + label_width, at.y}, scale, height);
    for (int rank = 0; const auto& rows : timeline.ranks) {
      for (const TimelineRow& row : rows) {
        svg.begin({{"data-rank", text(rank)}, {"data-row", row.name}});
        if (row.look == BarLook::named) {
          svg.rectangle({at.x, at.y, 54, row_height - 1}, {.fill = colour_of(rank)});
          svg.text({at.x + 27, at.y + row_height / 2}, text("rank ", rank),
                   {.size = 13, .anchor = Anchor::middle, .colour = ink_on(rank)});
        } else {
          svg.text({at.x, at.y + row_height / 2}, row.name, {.size = 13});
        }
        for (const TimelineBar& bar : row.bars) {
          if (bar.when.end < timeline.when.begin || bar.when.begin > timeline.when.end) continue;
          const bool grouped = !bar.group.empty();
          if (grouped) svg.begin({{"data-group", bar.group}}, bar.group);
          draw_bar(svg, {at.x + label_width, at.y}, scale, bar, row.look,
                   grouped ? colour_of_group(index_of(names, bar.group)) : colour_of(rank));
          if (grouped) svg.end();
        }
        svg.end();
        at.y += row_height;
      }
      at.y += between_ranks;
      ++rank;
    }
  };
  page.drawing(label_width + bars_width + 24, height + axis_height, draw);
  std::vector<PicturePage::Key> keys{{"computes", {.fill = ink, .opacity = 0.8}}};
  if (groups().empty()) keys.push_back({"communicates or waits", {.fill = ink, .opacity = 0.3}});
  for (size_t index = 0; const std::string& group : groups()) {
    keys.push_back({"communicates or waits in " + group, {.fill = colour_of_group(index++)}});
  }
  page.legend(keys);
}

std::vector<std::string> Timeline::groups() const {
  std::set<std::string> names;
  for (const auto& rows : ranks) {
    for (const TimelineRow& row : rows) {
      for (const TimelineBar& bar : row.bars) names.insert(bar.group);
    }
  }
  names.erase("");
  return {names.begin(), names.end()};
}

/// The character of each group, in order.
static constexpr std::string_view marks = "~=-+";

std::string Timeline::in_characters(int columns, int rank) const {
  const Scale scale{when, static_cast<double>(columns)};
  const std::vector<std::string> names = groups();
  std::string out;
  for (const TimelineRow& row : ranks[static_cast<size_t>(rank)]) {
    if (row.look == BarLook::named) continue;
    std::string line(static_cast<size_t>(columns), ' ');
    for (const TimelineBar& bar : row.bars) {
      if (bar.when.end < when.begin || bar.when.begin > when.end) continue;
      const auto begin =
          std::min<int64_t>(columns - 1, std::lround(std::floor(scale.place(bar.when.begin))));
      const auto end = std::max<int64_t>(begin + 1, std::lround(scale.place(bar.when.end)));
      const char mark =
          bar.group.empty() ? marks[0] : marks[index_of(names, bar.group) % marks.size()];
      for (int64_t i = begin; i < std::min<int64_t>(end, columns); ++i) {
        line[static_cast<size_t>(i)] = row.look == BarLook::computes ? '#' : mark;
      }
    }
    out += text(out.empty() ? "" : "\n", "  rank ", rank, " ", row.name,
                std::string(14 - std::min<size_t>(13, width_of(row.name)), ' '), "|", line, "|");
  }
  return out;
}

std::string Timeline::in_characters(int columns) const {
  std::string out;
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank)
    out += in_characters(columns, rank) + "\n";
  const std::string length = seconds_text(when.end - when.begin);
  out += "  # computes   ";
  const std::vector<std::string> names = groups();
  for (size_t i = 0; i < std::max<size_t>(1, names.size()); ++i) {
    out += text(marks[i % marks.size()], i == 0 ? " communicates or waits" : "",
                names.empty() ? "" : " in " + names[i], "   ");
  }
  return out + "from | to |: " + length;
}

}  // namespace shard
