#include "chapters/18_pipeline/executed.h"

#include <cmath>

#include "common/comm/trace.h"

namespace shard::chapter_18 {

Schedule executed(Grid& grid, const std::function<void()>& run) {
  Communicator& world = grid.world();
  const std::vector<std::vector<TraceBar>> earlier = gather_trace(world);
  std::vector<std::vector<TraceBar>> bars;
  {
    const TraceRecording recording;
    run();
    bars = gather_trace(world);
  }
  Schedule schedule;
  for (int stage = 0; stage < grid.size("pp"); ++stage) {
    Steps& steps = schedule.emplace_back();
    const auto rank = static_cast<size_t>(grid.layout().rank_of({{"pp", stage}}));
    for (size_t i = earlier[rank].size(); i < bars[rank].size(); ++i) {
      const TraceBar& bar = bars[rank][i];
      const auto step = step_named(bar.name);
      if (step && bar.row == TraceRow::compute) steps.push_back(*step);
    }
  }
  return schedule;
}

std::vector<std::string> drawn(const Replay& replay) {
  size_t width = 2;  // of a cell
  for (const auto& steps : replay.stages)
    for (const auto& [step, begin, end] : steps) width = std::max(width, to_string(step).size());
  const auto cell = [&](const std::string& words, const char* rest) {
    std::string text = words;
    for (size_t i = words.size(); i < width; ++i) text += rest;
    return text;
  };
  std::vector<std::string> lines;
  for (const auto& steps : replay.stages) {
    std::string& line = lines.emplace_back();
    double reached = 0;
    for (const auto& [step, begin, end] : steps) {
      for (; reached < begin; ++reached) line += cell("", "·");
      line += cell(to_string(step), "-");
      for (++reached; reached < end; ++reached) line += cell("", "-");
    }
    for (; reached < replay.total(); ++reached) line += cell("", "·");
  }
  return lines;
}

}  // namespace shard::chapter_18
