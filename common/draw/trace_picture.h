// A trace as a timeline: when every rank computes, and when it communicates.
#pragma once
#include <vector>

#include "common/comm/trace.h"
#include "common/draw/timeline.h"

namespace shard {

// Rows from one rank's bars, within `when`.
TimelineRow named_row(const std::vector<TraceBar>& bars,
                      Interval when);  // the outermost bars, by name
TimelineRow computing_row(const std::vector<TraceBar>& bars,
                          Interval when);  // without what it waits for
TimelineRow communicating_row(const std::vector<TraceBar>& bars,
                              Interval when);  // where it communicates or waits

/// Of all ranks: the last bar that is called "step", or the whole run if there is none. Throws
/// UsageError where nothing was recorded.
Timeline timeline_of(const std::vector<std::vector<TraceBar>>& ranks);

/// The timeline on a page of its own.
PicturePage picture_of(const Timeline& timeline);

}  // namespace shard
