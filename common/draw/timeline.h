// A timeline: what every rank did when, as bars over a common axis, in characters and as a picture.
#pragma once
#include <string>
#include <vector>

#include "common/draw/picture_page.h"

namespace shard {

/// A stretch of time.
struct Interval {
  double begin = 0, end = 0;  // seconds of clock.h
};
/// The intervals in order, those that touch or overlap made one.
std::vector<Interval> merged(std::vector<Interval> intervals);
/// What of `intervals` is not in `holes`, in order.
std::vector<Interval> without(const std::vector<Interval>& intervals,
                              const std::vector<Interval>& holes);

/// How a row's bars look: solid, in outline, or only as a bracket with its name.
enum class BarLook { computes, communicates, named };

/// Something that went on for a while.
struct TimelineBar {
  Interval when;     // from when to when
  std::string name;  // "" or what to write on it
  std::string group =
      "";  // of ranks that communicate meanwhile: each group has a colour of its own
};
/// Bars of one kind.
struct TimelineRow {
  std::string name;                  // as in "computes"
  BarLook look = BarLook::computes;  // of all of them
  std::vector<TimelineBar> bars;     // in order
};

/// One list of rows for each rank, in rank order.
struct Timeline {
  Interval when;                                // what the axis shows; bars are cut off at its ends
  std::vector<std::vector<TimelineRow>> ranks;  // the rows of each

  /// The names of all groups, in alphabetical order.
  std::vector<std::string> groups() const;
  /// One line a row, with # where a rank computes, and ~ where it communicates, or = in the second
  /// group.
  std::string in_characters(int columns = 60) const;
  /// The same of one rank.
  std::string in_characters(int columns, int rank) const;
  /// Adds the bars, in the ranks' colours, and the axis. Each row is a group with data-rank and
  /// data-row.
  void add_to(PicturePage& page) const;
};

}  // namespace shard
