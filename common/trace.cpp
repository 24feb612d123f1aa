#include "common/trace.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/clock.h"
#include "common/communicator.h"

namespace shard {
namespace {

struct Bar {
  TraceRow row;
  std::string name, detail;
  double begin, end;
};

bool tracing = false;
std::vector<Bar> bars;

}  // namespace

TraceRange::TraceRange(TraceRow row, std::string_view name, std::string_view detail) {
  if (!tracing) return;
  index_ = std::ssize(bars);
  bars.push_back({row, std::string(name), std::string(detail), now(), 0});
}

TraceRange::~TraceRange() {
  if (index_ >= 0) bars[static_cast<size_t>(index_)].end = now();
}

void start_trace() { tracing = true; }

void write_trace(Communicator& world, const std::string& file) {
  tracing = false;
  nlohmann::json mine = nlohmann::json::array();
  for (TraceRow row : {TraceRow::compute, TraceRow::communication}) {
    mine.push_back({{"ph", "M"},
                    {"name", "thread_name"},
                    {"pid", world.rank()},
                    {"tid", static_cast<int>(row)},
                    {"args", {{"name", row == TraceRow::compute ? "compute" : "communication"}}}});
  }
  for (const Bar& bar : bars) {
    mine.push_back({{"ph", "X"},
                    {"name", bar.name},
                    {"pid", world.rank()},
                    {"tid", static_cast<int>(bar.row)},
                    {"ts", bar.begin * 1e6},
                    {"dur", (bar.end - bar.begin) * 1e6},
                    {"args", {{"detail", bar.detail}}}});
  }
  nlohmann::json events = nlohmann::json::array();
  for (const std::string& ranks_events : world.gather_text(mine.dump())) {
    for (auto& event : nlohmann::json::parse(ranks_events)) events.push_back(std::move(event));
  }
  if (world.rank() != 0) return;
  std::ofstream out(file);
  out << nlohmann::json{{"traceEvents", std::move(events)}} << "\n";
  require_usage(out.good(), "--trace ", file, ": the file cannot be written");
}

}  // namespace shard
