// StageGroup: the group of a pipeline's stages, as one of them sees it that runs alone. What it
// receives is what the others would send; what it starts and waits for is recorded. From the
// records of all stages standstill() finds whether they would wait for each other for ever.
#pragma once
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "chapters/18_pipeline/schedule.h"
#include "common/comm/communicator.h"
#include "common/tensor/ops.h"

namespace shard {

/// What a message of stage `stage` contains: an output, or the gradient of its input.
inline float content_of(int stage, const Step& step) {
  return static_cast<float>(1000 * (stage + 1) + 10 * step.micro_batch +
                            (step.pass == Pass::forward ? 1 : 2));
}
/// "the output of micro-batch 1 on stage 0", or what else such a number is.
inline std::string content_name(float value) {
  if (std::isnan(value)) return "a tensor that nothing has arrived in yet";
  const auto number = static_cast<int64_t>(value);
  return text(number % 10 == 1 ? "the output" : "the gradient", " of micro-batch ",
              number % 1000 / 10, " from stage ", number / 1000 - 1);
}

class StageGroup : public Communicator {
 public:
  using Key = std::tuple<int, int, int64_t>;  // from, to, and the message's number
  struct Event {
    bool is_start;  // otherwise a wait
    bool sends;     // whether a message is sent; otherwise all are received
    std::vector<Key> messages;
  };

  StageGroup(Backend& backend, int stage, int stages, int64_t micro_batches)
      : Communicator(backend, own_ledger_, stage, stages, "pp"), micro_batches_(micro_batches) {}

  const std::vector<Event>& events() const { return events_; }
  const std::string& problem() const { return problem_; }  // the first one, or ""
  void found(const std::string& problem) {
    if (problem_.empty()) problem_ = problem;
  }

 protected:
  Started move_messages(std::span<const Message> messages, std::span<const Call> calls) override {
    auto work = std::make_unique<Arrival>(*this);
    Event event{true, false, {}};
    for (size_t i = 0; i < messages.size(); ++i) {
      const auto& [tensor, partner, is_sent, label] = messages[i];
      const int from = is_sent ? rank() : partner, to = is_sent ? partner : rank();
      event.messages.push_back({from, to, calls[i].number});
      event.sends |= is_sent;
      is_sent ? work->sends(tensor, contents(from, to, calls[i].number))
              : work->receives(tensor, contents(from, to, calls[i].number));
    }
    events_.push_back(event);
    work->event = {false, event.sends, event.messages};
    return work;
  }

  // Nothing else is needed.
  Started start_sum(const Call& call, const Tensor&) override { return refused(call); }
  Started start_max(const Call& call, const Tensor&) override { return refused(call); }
  Started start_gather(const Call& call, const Tensor&, const Tensor&, Counts) override {
    return refused(call);
  }
  Started start_scatter(const Call& call, const Tensor&, const Tensor&, Counts) override {
    return refused(call);
  }
  Started start_transpose(const Call& call, const Tensor&, const Tensor&, Counts, Counts) override {
    return refused(call);
  }
  Started start_broadcast(const Call& call, const Tensor&, int) override { return refused(call); }
  Started start_exchange(const Call& call, const Tensor&, int, const Tensor&, int) override {
    return refused(call);
  }
  Started start_barrier(const Call& call) override { return refused(call); }
  std::unique_ptr<Communicator> make_part(const Call& call, int, const std::string&) override {
    refused(call);
    return nullptr;
  }
  std::vector<std::string> exchange_text(const Call& call, const std::string&) override {
    refused(call);
    return {};
  }
  void announce(const Call&) override {}
  bool compares() const override { return false; }

 private:
  struct Arrival : Work {
    explicit Arrival(StageGroup& of) : group(of) {}
    struct Part {
      Tensor tensor;
      float value;
      bool is_sent;
    };
    void sends(const Tensor& tensor, float value) {
      group.compare(tensor, value, "");
      parts.push_back({tensor, value, true});
    }
    void receives(Tensor tensor, float value) {
      fill(tensor, std::numeric_limits<float>::quiet_NaN());
      parts.push_back({tensor, value, false});
    }
    void wait() override {
      if (std::exchange(is_over, true)) return;
      for (Part& part : parts) {
        if (!part.is_sent)
          fill(part.tensor, part.value);
        else
          group.compare(part.tensor, part.value, ", after it was changed while it was being sent");
      }
      group.events_.push_back(event);
    }
    bool poll() override {
      wait();
      return true;
    }
    StageGroup& group;
    std::vector<Part> parts;
    Event event;
    bool is_over = false;
  };

  /// What the number-th message between two stages must be. Throws Error where there is none.
  float contents(int from, int to, int64_t number) const {
    require(to == from + 1 || to == from - 1, "stage ", from, " sends to stage ", to,
            ", which is not beside it");
    require(number <= micro_batches_, "there is a message number ", number, " from stage ", from,
            " to stage ", to, ", for m = ", micro_batches_);
    return content_of(from, {to > from ? Pass::forward : Pass::backward, number - 1});
  }
  void compare(const Tensor& sent, float value, const char* when) {
    for (const float each : sent.to_host()) {
      if (each == value) continue;
      found(text("stage ", rank(), " sends ", content_name(each), ", and not ", content_name(value),
                 when));
      return;
    }
  }
  [[noreturn]] static Started refused(const Call& call) {
    throw Error(text(call.op, " is called, and a pipeline's stages only send and receive"));
  }

  Ledger own_ledger_;
  int64_t micro_batches_;
  std::vector<Event> events_;
  std::string problem_;
};

/// What all stages wait for, if sends wait for their receivers; "" if they come to their ends.
inline std::string standstill(const std::vector<std::unique_ptr<StageGroup>>& stages) {
  std::map<StageGroup::Key, std::vector<bool>> started;  // by stage
  std::vector<size_t> next(stages.size(), 0);
  const auto is_done = [&](const StageGroup::Key& key) {
    auto& by = started[key];
    by.resize(stages.size());
    return by[static_cast<size_t>(std::get<0>(key))] && by[static_cast<size_t>(std::get<1>(key))];
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t stage = 0; stage < stages.size(); ++stage) {
      for (; next[stage] < stages[stage]->events().size(); ++next[stage], moved = true) {
        const StageGroup::Event& event = stages[stage]->events()[next[stage]];
        for (const auto& key : event.messages) {
          started[key].resize(stages.size());
          started[key][stage] = true;
        }
        if (!event.is_start && !std::ranges::all_of(event.messages, is_done)) break;
      }
    }
  }
  std::string all;
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    if (next[stage] == stages[stage]->events().size()) continue;
    const auto& messages = stages[stage]->events()[next[stage]].messages;
    const auto open = std::ranges::find_if_not(messages, is_done);
    const auto& [from, to, number] = *open;
    const bool is_sent = from == static_cast<int>(stage);
    all +=
        text(all.empty() ? "" : "; ", "stage ", stage, is_sent ? " waits to send " : " waits for ",
             to > from ? "the output" : "the gradient", " of micro-batch ", number - 1,
             is_sent ? " to stage " : " from stage ", is_sent ? to : from);
  }
  return all;
}

}  // namespace shard
