#include "common/comm/trace.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/comm/communicator.h"
#include "common/tensor/backend.h"

namespace shard {
namespace {

struct Bar : TraceBar {
  int64_t begin_mark = -1, end_mark = -1;  // where the device knows better: between marks,
  std::shared_ptr<const DeviceTime> time = nullptr;  // or by itself
};

bool is_tracing = false;
std::vector<Bar> bars;
TraceDevice* device = nullptr;

}  // namespace

ProfilerRange::ProfilerRange(const char* name) {
  if (device != nullptr) device->push_range(name);
}

ProfilerRange::~ProfilerRange() {
  if (device != nullptr) device->pop_range();
}

TraceRange::TraceRange(TraceRow row, std::string_view name, std::string_view detail) {
  if (device != nullptr) device->push_range(std::string(name).c_str());
  if (!is_tracing) return;
  index_ = std::ssize(bars);
  bars.push_back({{row, std::string(name), std::string(detail), now(), 0}});
  if (device != nullptr && row == TraceRow::compute) bars.back().begin_mark = device->mark();
}

TraceRange::~TraceRange() {
  if (device != nullptr) device->pop_range();
  if (index_ < 0) return;
  Bar& bar = bars[static_cast<size_t>(index_)];
  bar.end = now();
  if (bar.begin_mark >= 0 && device != nullptr) bar.end_mark = device->mark();
}

void TraceRange::measured_by(std::shared_ptr<const DeviceTime> time) {
  if (index_ >= 0) bars[static_cast<size_t>(index_)].time = std::move(time);
}

void trace_bar(TraceRow row, std::string_view name, std::string_view detail, double begin,
               double end, std::shared_ptr<const DeviceTime> time) {
  if (!is_tracing) return;
  bars.push_back({{row, std::string(name), std::string(detail), begin, end}});
  bars.back().time = std::move(time);
}

bool tracing() { return is_tracing; }

void use_trace_device(TraceDevice* a_device) { device = a_device; }

void start_trace() { is_tracing = true; }

/// Puts the device's times in where it has measured.
static void settle(Bar& bar) {
  if (bar.time != nullptr) {
    const double seconds = bar.time->seconds();
    bar.begin = bar.time->begin();
    bar.end = bar.begin + seconds;
    bar.time.reset();
  }
  if (bar.end_mark < 0 || device == nullptr) return;
  bar.begin = device->moment_of(bar.begin_mark);
  bar.end = device->moment_of(bar.end_mark);
}

TraceRecording::TraceRecording() : goes_on_(is_tracing) { is_tracing = true; }

TraceRecording::~TraceRecording() { is_tracing = goes_on_; }

std::vector<std::vector<TraceBar>> gather_trace(Communicator& world) {
  world.backend().synchronize();
  nlohmann::json mine = nlohmann::json::array();
  for (Bar& bar : bars) {
    settle(bar);
    if (bar.end > 0)
      mine.push_back(
          {static_cast<int>(bar.row), bar.name, bar.detail, bar.begin, bar.end});  // is over
  }
  std::vector<std::vector<TraceBar>> ranks;
  for (const std::string& ranks_bars : world.gather_text(mine.dump())) {
    std::vector<TraceBar>& of_rank = ranks.emplace_back();
    for (const auto& bar : nlohmann::json::parse(ranks_bars)) {
      of_rank.push_back({static_cast<TraceRow>(bar[0].get<int>()), bar[1], bar[2], bar[3], bar[4]});
    }
    std::ranges::stable_sort(of_rank, {}, &TraceBar::begin);
  }
  return ranks;
}

/// With the group of a collective: Perfetto gives each name a colour, and tp is to be told from dp.
static std::string shown_name(const TraceBar& bar) {
  return bar.row != TraceRow::compute && !bar.detail.empty() ? bar.name + " " + bar.detail
                                                             : bar.name;
}

/// Bars of a row follow or enclose one another, except transfers, which overlap: each becomes a
/// pair of asynchronous events, for which Perfetto finds a place.
static void add_event(nlohmann::json& events, const TraceBar& bar, int rank) {
  const double begin = bar.begin * 1e6, duration = (bar.end - bar.begin) * 1e6;
  nlohmann::json event = {{"name", shown_name(bar)},
                          {"pid", rank},
                          {"tid", static_cast<int>(bar.row)},
                          {"ts", begin},
                          {"args", {{"detail", bar.detail}}}};
  if (bar.row != TraceRow::transfer) {
    event["ph"] = "X", event["dur"] = duration;
    events.push_back(std::move(event));
    return;
  }
  event["ph"] = "b", event["cat"] = "transfer", event["id"] = events.size();
  events.push_back(event);
  event["ph"] = "e", event["ts"] = begin + duration;
  events.push_back(std::move(event));
}

void write_trace(Communicator& world, const std::string& file) {
  is_tracing = false;
  const std::vector<std::vector<TraceBar>> ranks = gather_trace(world);
  if (world.rank() != 0) return;
  nlohmann::json events = nlohmann::json::array();
  for (int rank = 0; const std::vector<TraceBar>& of_rank : ranks) {
    for (TraceRow row : {TraceRow::compute, TraceRow::communication}) {
      events.push_back(
          {{"ph", "M"},
           {"name", "thread_name"},
           {"pid", rank},
           {"tid", static_cast<int>(row)},
           {"args", {{"name", row == TraceRow::compute ? "compute" : "communication"}}}});
    }
    for (const TraceBar& bar : of_rank) add_event(events, bar, rank);
    ++rank;
  }
  write_file("--trace", file, nlohmann::json{{"traceEvents", std::move(events)}}.dump() + "\n");
}

}  // namespace shard
