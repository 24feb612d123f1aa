// Ranks: 1. CPU only.
// Interleaved schedules and ZB-H1 as lists: the order, every wait, the exact times of replays, and
// how much is kept.
#include <algorithm>

#include "chapters/18_pipeline/replay.h"
#include "chapters/19_interleaved_pipeline/interleaved.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

Schedule interleaved_schedule(int stages, int64_t micro_batches, int chunks) {
  Schedule schedule;
  for (int stage = 0; stage < stages; ++stage)
    schedule.push_back(interleaved(stage, stages, micro_batches, chunks));
  return schedule;
}

double total_of(const Schedule& schedule, int chunks, double transfer = 0) {
  StepCosts costs = StepCosts::units(chunks);
  costs.transfer = transfer;
  return replay(schedule, costs).total();
}

/// The most entries between `begin` and `end` of a micro-batch, counted step by step.
int64_t most_between(const Steps& steps, Pass begin, Pass end) {
  int64_t now = 0, most = 0;
  for (const Step& step : steps) {
    if (step.pass == begin) most = std::max(most, ++now);
    if (step.pass == end) --now;
  }
  return most;
}

}  // namespace

TEST_CASE("interleaved: the lists of two stages, by hand") {
  CHECK(to_string(interleaved(0, 2, 4, 2)) ==
        "F0 F1 F0.1 F1.1 F2 B0.1 F3 B1.1 F2.1 B0 F3.1 B1 B2.1 B3.1 B2 B3");
  CHECK(to_string(interleaved(1, 2, 4, 2)) ==
        "F0 F1 F0.1 B0.1 F1.1 B1.1 F2 B0 F3 B1 F2.1 B2.1 F3.1 B3.1 B2 B3");
  // 5 micro-batches on 2 stages: groups of 3 and 2
  CHECK(to_string(interleaved(1, 2, 5, 2)) ==
        "F0 F1 F2 F0.1 B0.1 F1.1 B1.1 F2.1 B2.1 F3 B0 F4 B1 F3.1 B2 F4.1 B3.1 B4.1 B3 B4");
}

TEST_CASE("interleaved: every list is complete and comes to its end, for any micro-batches") {
  for (int stages = 1; stages <= 5; ++stages) {
    for (int64_t micro_batches = 1; micro_batches <= 13; ++micro_batches) {
      for (int chunks = 1; chunks <= 4; ++chunks) {
        CAPTURE(stages);
        CAPTURE(micro_batches);
        CAPTURE(chunks);
        const Schedule schedule = interleaved_schedule(stages, micro_batches, chunks);
        const double total = total_of(schedule, chunks);
        const double formula =
            3.0 * static_cast<double>(micro_batches) + 3.0 * (stages - 1) / chunks;
        if (micro_batches >= stages) CHECK(std::abs(total - formula) < 1e-9);
        const InterleavedOrder order(stages, micro_batches, chunks);
        CHECK(order.turns() == micro_batches * chunks);
        for (int stage = 0; stage < stages; ++stage) {
          const Steps& steps = schedule[static_cast<size_t>(stage)];
          CHECK(std::ssize(steps) == 2 * micro_batches * chunks);
          CHECK(most_in_flight(steps) == std::min(order.turns(), order.warm_up(stage) + 1));
        }
      }
    }
  }
}

TEST_CASE("interleaved: 28.5 against 33, and what a slow transfer makes of it") {
  const Schedule schedule = interleaved_schedule(4, 8, 2);
  CHECK(total_of(schedule_of(one_forward_one_backward, 4, 8), 1) == 33);
  const double transfers[] = {0, 0.1, 0.25, 0.5}, totals[] = {28.5, 29.9, 32, 35.5};
  for (size_t i = 0; i < 4; ++i)
    CHECK(std::abs(total_of(schedule, 2, transfers[i]) - totals[i]) < 1e-9);
  const std::vector<int64_t> kept{11, 9, 7, 5};
  for (size_t stage = 0; stage < 4; ++stage) CHECK(most_in_flight(schedule[stage]) == kept[stage]);
}

TEST_CASE("interleaved: bad numbers") {
  CHECK(message_of([] { interleaved(0, 4, 0, 2); }) ==
        "an interleaved pipeline of 4 stages and 0 micro-batches");
  CHECK(message_of([] { interleaved(0, 4, 8, 0); }) ==
        "an interleaved pipeline of stages with 0 chunks");
}

TEST_CASE("ZB-H1: the lists of two stages, by hand") {
  CHECK(to_string(zero_bubble_h1(0, 2, 3)) == "F0 F1 I0 W0 F2 I1 W1 I2 W2");
  CHECK(to_string(zero_bubble_h1(1, 2, 3)) == "F0 I0 F1 I1 W0 F2 I2 W1 W2");
}

TEST_CASE("ZB-H1: the bubble is (p - 1)(F + I - W), and the queue has at most j + 1 passes") {
  for (int stages = 1; stages <= 5; ++stages) {
    for (int64_t micro_batches = 1; micro_batches <= 12; ++micro_batches) {
      CAPTURE(stages);
      CAPTURE(micro_batches);
      const Schedule schedule = schedule_of(zero_bubble_h1, stages, micro_batches);
      const double total = total_of(schedule, 1), work = 3.0 * static_cast<double>(micro_batches);
      if (micro_batches >= stages) CHECK(std::abs(total - work - (stages - 1)) < 1e-9);
      for (int stage = 0; stage < stages; ++stage) {
        const Steps& steps = schedule[static_cast<size_t>(stage)];
        CHECK(std::ssize(steps) == 3 * micro_batches);
        CHECK(most_between(steps, Pass::forward, Pass::input_gradient) ==
              std::min<int64_t>(micro_batches, stages - stage));
        CHECK(most_between(steps, Pass::input_gradient, Pass::weight_gradient) ==
              std::min<int64_t>(micro_batches, stage + 1));
        CHECK(most_in_flight(steps) == std::min<int64_t>(micro_batches, stages));
      }
    }
  }
}

TEST_CASE("ZB-H1: other durations, and where the formula ends") {
  const auto bubble = [](double input, double weights) {
    const StepCosts costs{.of_step = [=](int, const Step& step) {
      return step.pass == Pass::input_gradient    ? input
             : step.pass == Pass::weight_gradient ? weights
                                                  : 1.0;
    }};
    return replay(schedule_of(zero_bubble_h1, 4, 12), costs).total() - 12 * (1 + input + weights);
  };
  CHECK(std::abs(bubble(1, 1) - 3) < 1e-9);
  CHECK(std::abs(bubble(1, 0.5) - 4.5) < 1e-9);
  CHECK(std::abs(bubble(1.2, 0.8) - 4.2) < 1e-9);
  // no longer F + I - W: a W that is longer than F or I fills no more
  CHECK(std::abs(bubble(1, 1.5) - 3) < 1e-9);
  CHECK(std::abs(bubble(1.2, 1.1) - 3.6) < 1e-9);
  CHECK(std::abs(bubble(1, 2) - 3) < 1e-9);
}

TEST_CASE("later weights: at once, and at the end") {
  const Steps steps = one_forward_one_backward(1, 2, 3);
  CHECK(to_string(with_later_weights(steps, 0)) == "F0 I0 W0 F1 I1 W1 F2 I2 W2");
  CHECK(to_string(with_later_weights(steps, 9)) == "F0 I0 F1 I1 F2 I2 W0 W1 W2");
}

TEST_CASE("schedules by name: how much is kept is known without their lists") {
  for (const std::string& name : schedule_names()) {
    const int chunks_from = name == "interleaved" ? 2 : 1,
              chunks_to = name == "interleaved" ? 4 : 1;
    for (int stages = 2; stages <= 6; ++stages) {
      for (int64_t micro_batches = 1; micro_batches <= 13; ++micro_batches) {
        for (int chunks = chunks_from; chunks <= chunks_to; ++chunks) {
          const Schedule schedule = named_schedule(name, stages, micro_batches, chunks);
          for (int stage = 0; stage < stages; ++stage) {
            INFO(name, ", stage ", stage, " of ", stages, ", ", micro_batches, " × ", chunks);
            CHECK(most_in_flight(name, stage, stages, micro_batches, chunks) ==
                  most_in_flight(schedule[static_cast<size_t>(stage)]));
          }
        }
      }
    }
  }
}
