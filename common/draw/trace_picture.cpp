#include "common/draw/trace_picture.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/error.h"
#include "common/base/format.h"

namespace shard {
namespace {

// A bar with this name is not work, but groups the bars inside it.
constexpr const char* step_name = "step";

bool overlaps(const TraceBar& bar, Interval when) {
  return bar.end > when.begin && bar.begin < when.end;
}

std::vector<Interval> intervals(const std::vector<TraceBar>& bars, TraceRow row, Interval when) {
  std::vector<Interval> out;
  for (const TraceBar& bar : bars) {
    if (bar.row == row && overlaps(bar, when)) out.push_back({bar.begin, bar.end});
  }
  return merged(std::move(out));
}

TimelineRow row_of(const std::string& name, BarLook look, const std::vector<Interval>& intervals) {
  TimelineRow row{name, look, {}};
  for (const Interval& interval : intervals) row.bars.push_back({interval, ""});
  return row;
}

}  // namespace

TimelineRow named_row(const std::vector<TraceBar>& bars, Interval when) {
  TimelineRow row{"", BarLook::named, {}};
  for (const TraceBar& bar : bars) {  // ordered by their begin: a bar inside another comes after it
    if (bar.row != TraceRow::compute || bar.name == step_name || !overlaps(bar, when)) continue;
    if (row.bars.empty() || bar.begin >= row.bars.back().when.end)
      row.bars.push_back({{bar.begin, bar.end}, bar.name});
  }
  return row;
}

TimelineRow computing_row(const std::vector<TraceBar>& bars, Interval when) {
  return row_of("computes", BarLook::computes,
                without(intervals(bars, TraceRow::compute, when),
                        intervals(bars, TraceRow::communication, when)));
}

TimelineRow communicating_row(const std::vector<TraceBar>& bars, Interval when) {
  std::map<std::string, std::vector<Interval>> groups;
  for (const TraceBar& bar : bars) {
    if (bar.row == TraceRow::communication && overlaps(bar, when))
      groups[bar.detail].push_back({bar.begin, bar.end});
  }
  TimelineRow row{"communicates", BarLook::communicates, {}};
  for (const auto& [group, of_group] : groups) {
    for (const Interval& interval : merged(of_group)) row.bars.push_back({interval, "", group});
  }
  std::ranges::stable_sort(row.bars, {}, [](const TimelineBar& bar) { return bar.when.begin; });
  return row;
}

Timeline timeline_of(const std::vector<std::vector<TraceBar>>& ranks) {
  Interval all{INFINITY, -INFINITY}, step = all;
  const auto include = [](Interval& in, const TraceBar& bar) {
    in = {std::min(in.begin, bar.begin), std::max(in.end, bar.end)};
  };
  for (const auto& bars : ranks) {
    const TraceBar* last_step = nullptr;
    for (const TraceBar& bar : bars) {
      include(all, bar);
      if (bar.name == step_name) last_step = &bar;
    }
    if (last_step != nullptr) include(step, *last_step);
  }
  Timeline timeline{step.end > step.begin ? step : all, {}};
  require_usage(timeline.when.end > timeline.when.begin,
                "--trace: nothing was recorded that could be drawn");
  for (const auto& bars : ranks) {
    timeline.ranks.push_back({named_row(bars, timeline.when), computing_row(bars, timeline.when),
                              communicating_row(bars, timeline.when)});
  }
  return timeline;
}

PicturePage picture_of(const Timeline& timeline) {
  const size_t ranks = timeline.ranks.size();
  PicturePage page(
      text("When ", ranks, " ranks compute and communicate"),
      text("A timeline of ", seconds_text(timeline.when.end - timeline.when.begin),
           " with a pair of rows for each of ", ranks,
           " ranks: bars where it computes, and bars where it communicates or waits for others."));
  timeline.add_to(page);
  return page;
}

}  // namespace shard
