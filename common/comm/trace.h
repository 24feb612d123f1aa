// A timeline of the run: --trace FILE writes it in Chrome's trace format, for Perfetto
// (ui.perfetto.dev); --trace FILE.svg draws it (trace_picture.h).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shard {

class Communicator;
class DeviceTime;

/// The rows of a rank in the timeline: what it computes, when it communicates or waits for others,
/// and what is under way meanwhile: a collective or message from its start to its end.
enum class TraceRow { compute, communication, transfer };

/// Records one bar, from its construction to its destruction: in the host's time, or in the
/// device's where there is a TraceDevice. Costs next to nothing while tracing is off.
class TraceRange {
 public:
  /// A bar in this row; `detail` is shown when it is clicked on.
  TraceRange(TraceRow row, std::string_view name, std::string_view detail = "");
  ~TraceRange();
  TraceRange(const TraceRange&) = delete;
  /// The bar is what the device did meanwhile, once that is known. Null: it stays as it is.
  void measured_by(std::shared_ptr<const DeviceTime> time);

 private:
  int64_t index_ = -1;
};

/// A range for the profiler of the device's vendor alone, where there is one.
class ProfilerRange {
 public:
  /// Begins it; its end is that of this object.
  explicit ProfilerRange(const char* name);
  ~ProfilerRange();
  ProfilerRange(const ProfilerRange&) = delete;
};

/// Records one bar of which begin and end are known: seconds of clock.h, or those of `time`, once
/// that is known.
void trace_bar(TraceRow row, std::string_view name, std::string_view detail, double begin,
               double end, std::shared_ptr<const DeviceTime> time = nullptr);
bool tracing();  // whether bars are recorded

/// What a device that works beside the host adds: when its compute stream comes to a mark, and
/// ranges for the vendor's own profiler.
class TraceDevice {
 public:
  virtual ~TraceDevice() = default;
  virtual void push_range(const char* name) = 0;  // a range of the profiler begins …
  virtual void pop_range() = 0;                   // … and ends
  virtual int64_t mark() = 0;                     // in the compute stream, now
  virtual double moment_of(int64_t mark) = 0;     // that has been reached: seconds of clock.h
};
/// Bars are in this device's time from now on, until it is called with nullptr: before the device
/// ends.
void use_trace_device(TraceDevice* device);

void start_trace();  // records bars from now on

/// Records while it lives, also without --trace.
class TraceRecording {
 public:
  TraceRecording();
  ~TraceRecording();
  TraceRecording(const TraceRecording&) = delete;

 private:
  bool goes_on_;  // after it
};

/// One bar, in seconds of clock.h.
struct TraceBar {
  TraceRow row;              // in which it stands
  std::string name, detail;  // what it is, in short and in full
  double begin, end;         // when
};
/// The bars of every rank so far, in the order in which they began. Collective.
std::vector<std::vector<TraceBar>> gather_trace(Communicator& world);
/// Gathers the bars of all ranks and writes them from rank 0. Throws Error when it cannot write.
/// Collective.
void write_trace(Communicator& world, const std::string& file);

}  // namespace shard
