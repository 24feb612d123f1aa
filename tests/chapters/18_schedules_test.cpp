// Schedules of a pipeline: their lists against hand-written ones, what they keep, and how long they
// take; messages in an order in which nobody waits for ever; and the cut into stages.
// Ranks: 1. CPU only.
#include <cmath>

#include "chapters/18_pipeline/message_plan.h"
#include "chapters/18_pipeline/replay.h"
#include "chapters/18_pipeline/stage_cut.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

constexpr StepsOfStage both[] = {gpipe, one_forward_one_backward};

Schedule one_f_one_b(int stages, int64_t micro_batches) {
  return schedule_of(one_forward_one_backward, stages, micro_batches);
}

std::vector<std::string> lists_of(const Schedule& schedule) {
  std::vector<std::string> lists;
  for (const Steps& steps : schedule) lists.push_back(to_string(steps));
  return lists;
}

using Lists = std::vector<std::string>;

/// Whether the plan's messages all arrive where a stage does nothing else while its exchange is not
/// over, as NCCL's stream.
bool arrives_in_order(const Schedule& schedule, const std::vector<std::vector<Exchange>>& plan) {
  std::map<std::pair<Place, Place>, int> reached;  // by how many of its two stages
  std::vector<size_t> next(plan.size(), 0);
  std::vector<bool> entered(plan.size(), false);
  bool moved = true;
  while (moved) {
    moved = false;
    for (size_t stage = 0; stage < plan.size(); ++stage) {
      if (next[stage] == plan[stage].size()) continue;
      const auto& messages = plan[stage][next[stage]].messages;
      if (!entered[stage]) {
        for (const auto& [from, to] : messages) ++reached[{from, to}];
        entered[stage] = moved = true;
      }
      if (!std::ranges::all_of(messages, [&](const StageMessage& message) {
            return reached[{message.from, message.to}] == 2;
          }))
        continue;
      ++next[stage];
      entered[stage] = false;
      moved = true;
    }
  }
  for (size_t stage = 0; stage < plan.size(); ++stage)
    if (next[stage] != plan[stage].size() || schedule[stage].empty()) return false;
  return true;
}

}  // namespace

TEST_CASE("schedules: 1F1B's lists are those written by hand") {
  CHECK(lists_of(one_f_one_b(4, 8)) == Lists{"F0 F1 F2 F3 B0 F4 B1 F5 B2 F6 B3 F7 B4 B5 B6 B7",
                                             "F0 F1 F2 B0 F3 B1 F4 B2 F5 B3 F6 B4 F7 B5 B6 B7",
                                             "F0 F1 B0 F2 B1 F3 B2 F4 B3 F5 B4 F6 B5 F7 B6 B7",
                                             "F0 B0 F1 B1 F2 B2 F3 B3 F4 B4 F5 B5 F6 B6 F7 B7"});
  CHECK(lists_of(one_f_one_b(4, 2)) ==
        Lists{"F0 F1 B0 B1", "F0 F1 B0 B1", "F0 F1 B0 B1", "F0 B0 F1 B1"});
  CHECK(lists_of(one_f_one_b(2, 5)) ==
        Lists{"F0 F1 B0 F2 B1 F3 B2 F4 B3 B4", "F0 B0 F1 B1 F2 B2 F3 B3 F4 B4"});
  CHECK(lists_of(one_f_one_b(3, 4)) ==
        Lists{"F0 F1 F2 B0 F3 B1 B2 B3", "F0 F1 B0 F2 B1 F3 B2 B3", "F0 B0 F1 B1 F2 B2 F3 B3"});
  CHECK(lists_of(schedule_of(gpipe, 2, 3)) == Lists{"F0 F1 F2 B0 B1 B2", "F0 F1 F2 B0 B1 B2"});
  CHECK(lists_of(one_f_one_b(1, 2)) == Lists{"F0 B0 F1 B1"});
}

TEST_CASE("schedules: what is kept, and both shares of idle time, for all small sizes") {
  for (int p = 1; p <= 5; ++p) {
    for (int m = 1; m <= 7; ++m) {
      for (const StepsOfStage steps : both) {
        const Schedule schedule = schedule_of(steps, p, m);
        const Replay timed = replay(schedule, StepCosts::units());
        CHECK(timed.total() == 3.0 * (m + p - 1));
        CHECK(std::abs(timed.idle_share() - (p - 1.0) / (m + p - 1.0)) < 1e-9);
        CHECK(std::abs(timed.idle_over_ideal() - (p - 1.0) / m) < 1e-9);
        for (int j = 0; j < p; ++j)
          CHECK(most_in_flight(schedule[static_cast<size_t>(j)]) ==
                (steps == gpipe ? m : std::min(m, p - j)));
      }
    }
  }
}

TEST_CASE("schedules: a transfer delays who waits for it") {
  const auto total = [](double transfer) {
    return replay(one_f_one_b(4, 8), {StepCosts::units().of_step, transfer}).total();
  };
  CHECK(total(0) == 33);
  CHECK(total(0.25) == 37);
  CHECK(total(0.5) == 41);
}

TEST_CASE("schedules: the slowest stage decides") {
  const StepCosts costs{.of_step = [](int stage, const Step& step) {
    return (stage == 1 ? 3.0 : 1.0) * (step.pass == Pass::forward ? 1 : 2);
  }};
  const Replay timed = replay(one_f_one_b(3, 6), costs);
  CHECK(timed.total() == 1 + 6 * 9 + 2);
}

TEST_CASE("schedules: names of steps can be read back") {
  for (const char* name : {"F0", "B12", "I3.1", "W7.2"}) {
    REQUIRE(step_named(name));
    CHECK(to_string(*step_named(name)) == name);
  }
  for (const char* other : {"", "F", "B-1", "gpt forward", "F1.", "F1.x", "F1 "})
    CHECK(!step_named(other));
  CHECK(in_words({Pass::forward, 3}) == "the forward pass of micro-batch 3");
}

TEST_CASE("schedules: lists that cannot be executed are refused, by stage and micro-batch") {
  const auto message = [](const Schedule& schedule) {
    return message_of([&] { plan_messages(schedule); });
  };
  const Step f0{Pass::forward, 0}, b0{Pass::backward, 0}, f1{Pass::forward, 1},
      b1{Pass::backward, 1}, w0{Pass::weight_gradient, 0};
  CHECK(message({{f0, b0}, {f0}}) ==
        "a schedule in which stage 1 lacks the backward pass of micro-batch 0");
  CHECK(message({{f0, f0, b0}, {f0, b0}}) ==
        "a schedule in which stage 0 does the forward pass of micro-batch 0 twice");
  CHECK(message({{f0, b0, w0}, {f0, b0}}) ==
        "a schedule in which stage 0 does the backward pass of micro-batch 0 whole, and then the "
        "weights' part again");
  CHECK(message({{f0, b0, f1, b1}, {f0, f1, b0, b1}}) ==
        "a schedule that comes to a standstill; stage 0 waits before the backward pass of "
        "micro-batch 0 for the backward pass of micro-batch 0 on stage 1; stage 1 waits before the "
        "forward pass of micro-batch 1 for the forward pass of micro-batch 1 on stage 0");
  CHECK(message({{b0, f0}})
            .find("stage 0 waits before the backward pass of micro-batch 0 for the "
                  "forward pass of micro-batch 0") != std::string::npos);
  CHECK(message_of([] { schedule_of(gpipe, 2, 0); }) ==
        "a pipeline of 2 stages and 0 micro-batches");
}

TEST_CASE("schedules: messages in the plan's order all arrive, even one exchange after the other") {
  for (int p = 2; p <= 5; ++p) {
    for (int m = 1; m <= 7; ++m) {
      for (const StepsOfStage steps : both) {
        const Schedule schedule = schedule_of(steps, p, m);
        CHECK(arrives_in_order(schedule, plan_messages(schedule)));
      }
    }
  }
}

TEST_CASE("schedules: in 1F1B an output goes with the gradient that comes back") {
  const auto plan = plan_messages(one_f_one_b(2, 3));
  // before F0, F1, B0, F2, B1, B2
  REQUIRE(plan[0].size() == 5);
  CHECK(plan[0][1].messages.size() == 1);  // F1's output
  CHECK(plan[0][3].messages.size() == 2);  // F2's output, and B1's gradient
  CHECK(plan[0][3].before == 4);
}

TEST_CASE("schedules: two chunks a stage, one after the other") {
  // of model parts 0, 1 (chunk 0) and 2, 3 (chunk 1)
  const auto steps = [](int m) {
    Steps all;
    for (int c = 0; c < 2; ++c)
      for (int i = 0; i < m; ++i) all.push_back({Pass::forward, i, c});
    for (int c = 1; c >= 0; --c)
      for (int i = 0; i < m; ++i) all.push_back({Pass::backward, i, c});
    return all;
  };
  const Schedule schedule{steps(2), steps(2)};
  const Dependencies dependencies(schedule);
  CHECK(dependencies.chunks() == 2);
  CHECK(dependencies.input_of({0, 2}) == Place{1, 0});  // F0.1 on stage 0: from part 1
  CHECK(dependencies.taker_of({0, 4}) == Place{1, 6});  // B0.1 on stage 0: to part 1
  CHECK(!dependencies.input_of({1, 4}));                // B0.1 on stage 1: the model's end
  CHECK(arrives_in_order(schedule, plan_messages(schedule)));
  CHECK(replay(schedule, StepCosts::units(2)).total() == 7.5);
}

TEST_CASE("schedules: layers are cut so that no stage is dearer than it must be") {
  for (int64_t layers = 0; layers <= 7; ++layers) {
    for (const EndCosts costs : {EndCosts{0, 0}, EndCosts{0.5, 1.25}, EndCosts{0, 3}}) {
      const auto parts = cut_into_parts(layers, 3, costs);
      double dearest = 0, best = 1e9;
      for (const GptStage& part : parts) dearest = std::max(dearest, cost_of(part, costs));
      for (int64_t a = 0; a <= layers; ++a)
        for (int64_t b = 0; a + b <= layers; ++b)
          best = std::min(best, std::max({static_cast<double>(a) + costs.embedding,
                                          static_cast<double>(b),
                                          static_cast<double>(layers - a - b) + costs.head}));
      CHECK(dearest == best);
      CHECK(parts.front().layers.begin == 0);
      CHECK(parts[1].layers.begin == parts[0].layers.end);
      CHECK(parts[2].layers == Range{parts[1].layers.end, layers});
      CHECK((parts[0].embedding && !parts[0].head && parts[2].head && !parts[2].embedding));
    }
  }
  const auto whole = cut_into_parts(4, 1, {});
  CHECK((whole[0].embedding && whole[0].head && whole[0].layers.size() == 4));
  CHECK(message_of([] { cut_into_parts(4, 0, {}); }) == "a cut of 4 layers into 0 parts");
  // GPT-2's smallest model: 50257 rows of 768 are 5 blocks' work
  CHECK(std::abs(end_costs({.vocabulary = 50257, .context = 1024, .width = 768}).head - 4.46) <
        0.5);
}
