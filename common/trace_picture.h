// A trace as a timeline: when every rank computes, and when it communicates.
#pragma once
#include <vector>

#include "common/timeline.h"
#include "common/trace.h"

namespace shard {

// Rows from one rank's bars, within `when`.
TimelineRow named_row(const std::vector<TraceBar>& bars, Interval when);          // the outermost bars, by name
TimelineRow computing_row(const std::vector<TraceBar>& bars, Interval when);      // without what it waits for
TimelineRow communicating_row(const std::vector<TraceBar>& bars, Interval when);  // where it communicates or waits

/// Of all ranks: the last bar that is called "step", or the whole run if there is none. Throws UsageError where nothing
/// was recorded.
Timeline timeline_of(const std::vector<std::vector<TraceBar>>& ranks);

class Report;
/// What write_trace is for a FILE.svg: draws the timeline, and prints it in characters. Collective.
void draw_trace(Communicator& world, Report& report, const std::string& file);

}  // namespace shard
