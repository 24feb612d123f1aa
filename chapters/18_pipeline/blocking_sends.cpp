#include "chapters/18_pipeline/blocking_sends.h"

#include "chapters/18_pipeline/engine.h"
#include "common/comm/grid.h"
#include "common/tensor/ops.h"

namespace shard::chapter_18 {

std::string standstill_of_blocking(const Schedule& schedule) {
  const Dependencies dependencies(schedule);
  struct State {
    size_t next = 0;
    bool received = false, sends = false;  // of step `next`
  };
  std::vector<State> stages(schedule.size());
  const auto is_other = [](std::optional<Place> place, size_t stage) {
    return place && place->stage != static_cast<int>(stage);
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t j = 0; j < stages.size(); ++j) {
      State& mine = stages[j];
      if (mine.next == schedule[j].size()) continue;
      const Place here{static_cast<int>(j), mine.next};
      if (!mine.sends && (mine.received || !is_other(dependencies.input_of(here), j))) {
        mine.sends = true;  // computed
        moved = true;
      }
      if (!mine.sends) continue;
      const auto taker = dependencies.taker_of(here);
      if (is_other(taker, j)) {  // goes on when the other one is at the step that takes it
        State& other = stages[static_cast<size_t>(taker->stage)];
        if (other.next != taker->index || other.received || other.sends) continue;
        other.received = true;
      }
      mine = {mine.next + 1};
      moved = true;
    }
  }
  std::string all;
  for (size_t j = 0; j < stages.size(); ++j) {
    if (stages[j].next == schedule[j].size()) continue;
    const Place here{static_cast<int>(j), stages[j].next};
    const bool sends = stages[j].sends;
    const auto other = sends ? dependencies.taker_of(here) : dependencies.input_of(here);
    const Step& step = schedule[j][stages[j].next];
    all += text(all.empty() ? "" : "; ", "stage ", j,
                sends ? " sends the result of " : " waits to do ", to_string(step),
                sends ? " to stage " : " for stage ", other->stage);
  }
  return all;
}

void run_blocking(Runtime& runtime, Report& report, const Settings& s) {
  report.heading("1F1B with blocking sends");
  Grid grid(runtime.world(), {{"tp", static_cast<int>(s.tp)},
                              {"pp", static_cast<int>(s.pp)},
                              {"dp", static_cast<int>(s.dp)}});
  Communicator& pp = grid.group({"pp"});
  const Schedule schedule = schedule_of(one_forward_one_backward, pp.size(), s.training.accumulate);
  const Dependencies dependencies(schedule);
  const Steps& steps = schedule[static_cast<size_t>(pp.rank())];
  Tensor x = Tensor::full(runtime.backend(), {s.sizes.context, s.sizes.width}, 1.0f);
  //! [18-blocking]
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string about = text("micro-batch ", steps[i].micro_batch, ", ",
                                   steps[i].pass == Pass::forward ? "output" : "gradient");
    const Place here{pp.rank(), i};
    if (const auto from = dependencies.input_of(here))
      pp.receive(x, from->stage, text(about, " of stage ", from->stage));
    scale(x, 0.5f);  // the step
    if (const auto to = dependencies.taker_of(here))
      pp.send(x, to->stage, text(about, " of stage ", pp.rank()));
  }
  //! [18-blocking]
  report.line("  All messages have arrived: MPI has kept the small ones until they were received.");
}

}  // namespace shard::chapter_18
