// Converts a trace to a timeline: when every rank computes, and when it communicates.
#pragma once
#include <vector>

#include "common/comm/trace.h"
#include "common/draw/timeline.h"

namespace shard {

// Rows from one rank's bars, within `when`.

/// The outermost bars, by name.
TimelineRow named_row(const std::vector<TraceBar>& bars, Interval when);
/// When the rank computes: without the time in which it waits.
TimelineRow computing_row(const std::vector<TraceBar>& bars, Interval when);
/// When the rank communicates or waits.
TimelineRow communicating_row(const std::vector<TraceBar>& bars, Interval when);

/// All ranks' timeline during the last bar called "step", or during the whole run if there is none.
/// Throws UsageError if nothing was recorded.
Timeline timeline_of(const std::vector<std::vector<TraceBar>>& ranks);

/// A page with only this timeline.
PicturePage picture_of(const Timeline& timeline);

}  // namespace shard
