#include "chapters/18_pipeline/engine.h"

#include <deque>

#include "common/base/counted.h"
#include "common/comm/trace.h"

namespace shard {

/// The messages of a run: results that wait to be sent or taken, and what has been started.
struct PipelineEngine::UnderWay {
  std::map<size_t, Tensor> results;  // of this stage's steps, until they are sent or taken
  struct Expected {
    Tensor place;
    size_t exchange;  // which of `started`
  };
  std::map<size_t, Expected> inputs;  // of this stage's steps, from other stages
  std::deque<std::optional<Pending>> started;

  /// Returns when the messages of an exchange have arrived.
  void wait(size_t exchange) {
    if (started[exchange]) started[exchange]->wait();
    started[exchange].reset();
  }
  /// MPI moves data only inside its calls.
  void poll() {
    for (auto& pending : started) {
      if (pending && pending->poll()) {
        pending->wait();
        pending.reset();
      }
    }
  }
};

PipelineEngine::PipelineEngine(Communicator& pp, const Schedule& schedule)
    : pp_(pp), schedule_(schedule), dependencies_(schedule) {
  require(std::ssize(schedule) == pp.size(), "a schedule of ",
          counted(std::ssize(schedule), "stage"), " for ", counted(pp.size(), "rank"));
  exchanges_ = plan_messages(schedule)[static_cast<size_t>(pp.rank())];
}

Message PipelineEngine::message_of(const StageMessage& message, UnderWay& messages,
                                   StageWork& work) const {
  const auto& [from, to] = message;
  const Step& sent = schedule_[static_cast<size_t>(from.stage)][from.index];
  const std::string chunk = sent.chunk == 0 ? "" : text(", chunk ", sent.chunk);
  const Label label(text("micro-batch ", sent.micro_batch,
                         sent.pass == Pass::forward ? ", output" : ", gradient", " of stage ",
                         from.stage, chunk));
  if (from.stage == pp_.rank()) {
    const Tensor result = messages.results.extract(from.index).mapped();
    return {.tensor = result, .partner = to.stage, .is_sent = true, .label = label};
  }
  const Tensor place = work.place_for_input(steps()[to.index]);
  messages.inputs[to.index] = {place, messages.started.size()};
  return {.tensor = place, .partner = from.stage, .is_sent = false, .label = label};
}

void PipelineEngine::start(const Exchange& exchange, UnderWay& messages, StageWork& work) const {
  std::vector<Message> together;
  for (const StageMessage& message : exchange.messages)
    together.push_back(message_of(message, messages, work));
  messages.started.emplace_back(pp_.start_messages(together));
}

//! [18-engine]
void PipelineEngine::run(StageWork& work) {
  UnderWay messages;
  auto due = exchanges_.begin();
  const auto start_due_before = [&](size_t index) {
    for (; due != exchanges_.end() && due->before == index; ++due) start(*due, messages, work);
  };
  for (size_t i = 0; i < steps().size(); ++i) {
    start_due_before(i);
    Tensor input;
    if (const auto from = dependencies_.input_of({pp_.rank(), i})) {
      if (from->stage == pp_.rank()) {  // of another chunk here
        input = messages.results.extract(from->index).mapped();
      } else {
        const auto expected = messages.inputs.extract(i).mapped();
        messages.wait(expected.exchange);
        input = expected.place;
      }
    }
    messages.poll();
    const Step& step = steps()[i];
    const TraceRange range(TraceRow::compute, to_string(step), in_words(step));
    const Tensor result = work.execute(step, input);
    if (dependencies_.taker_of({pp_.rank(), i})) messages.results[i] = result;
  }
  start_due_before(steps().size());
  for (size_t i = 0; i < messages.started.size(); ++i) messages.wait(i);
}
//! [18-engine]

}  // namespace shard
