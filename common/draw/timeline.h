// A timeline: what every rank did when, as bars along a common axis, as text and as a picture.
#pragma once
#include <string>
#include <vector>

#include "common/draw/picture_page.h"

namespace shard {

/// A time interval.
struct Interval {
  double begin = 0, end = 0;  // seconds of clock.h
};
/// The intervals in order; those that touch or overlap are merged.
std::vector<Interval> merged(std::vector<Interval> intervals);
/// The parts of `intervals` that are not in `holes`, in order.
std::vector<Interval> without(const std::vector<Interval>& intervals,
                              const std::vector<Interval>& holes);

/// The appearance of a row's bars: solid, outlined, or only a bracket with a name.
enum class BarLook { computes, communicates, named };

struct TimelineBar {
  Interval when;
  std::string name;  // text on the bar, or ""
  /// The group that communicates, or "": each group has its own colour.
  std::string group = "";
};
/// Bars of one kind.
struct TimelineRow {
  std::string name;  // for example "computes"
  BarLook look = BarLook::computes;
  std::vector<TimelineBar> bars;  // in order
};

/// One list of rows for each rank, in rank order.
struct Timeline {
  Interval when;                                // range of the axis; bars are clipped to it
  std::vector<std::vector<TimelineRow>> ranks;  // the rows of each rank

  /// The names of all groups, in alphabetical order.
  std::vector<std::string> groups() const;
  /// One line for each row, with # where a rank computes, and ~ where it communicates, or = in the
  /// second group.
  std::string in_characters(int columns = 60) const;
  /// The same for one rank.
  std::string in_characters(int columns, int rank) const;
  /// Adds the bars, in the ranks' colours, and the axis. Each row is an SVG group with data-rank
  /// and data-row.
  void add_to(PicturePage& page) const;
};

}  // namespace shard
