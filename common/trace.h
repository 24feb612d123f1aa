// A timeline of the run: --trace FILE writes it in Chrome's trace format, for Perfetto (ui.perfetto.dev).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace shard {

class Communicator;

enum class TraceRow { compute, communication };

/// Records one bar, from its construction to its destruction. Costs nothing while tracing is off.
class TraceRange {
 public:
  TraceRange(TraceRow row, std::string_view name, std::string_view detail = "");
  ~TraceRange();
  TraceRange(const TraceRange&) = delete;

 private:
  int64_t index_ = -1;
};

void start_trace();
/// Gathers the bars of all ranks and writes them from rank 0. Collective.
void write_trace(Communicator& world, const std::string& file);

}  // namespace shard
