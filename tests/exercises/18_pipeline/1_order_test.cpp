#include "exercises/18_pipeline/1_order.h"

#include <algorithm>
#include <functional>

#include "chapters/18_pipeline/replay.h"
#include "tests/exercises/answers.h"

namespace shard {
namespace {

using Order = std::vector<StageStep>;

std::string shown(const Order& order) {
  std::string all;
  for (const auto& [is_forward, micro_batch] : order)
    all += text(all.empty() ? "" : " ", is_forward ? "F" : "B", micro_batch);
  return "{" + all + "}";
}

struct Case {
  int stage, stages;
  int64_t micro_batches;
};

/// Forward passes 0 … warm_up-1, pairs, and the rest of the backward passes.
struct Wrong {
  int64_t warm_up;
  bool backward_first = false;  // in a pair
  bool same_number = false;     // of both passes in a pair
  int64_t left_out = 0;         // of the backward passes at the end
  bool end_reversed = false, end_from_0 = false;
};

Order order(const Case& c, const Wrong& wrong) {
  const int64_t w = wrong.warm_up, m = c.micro_batches;
  Order steps;
  for (int64_t i = 0; i < w; ++i) steps.push_back({true, i});
  for (int64_t i = w; i < m; ++i) {
    const StageStep forward{true, i}, backward{false, wrong.same_number ? i : i - w};
    steps.push_back(wrong.backward_first ? backward : forward);
    steps.push_back(wrong.backward_first ? forward : backward);
  }
  Order end;
  for (int64_t i = std::max<int64_t>(0, m - w); i < std::max(m, w); ++i)
    end.push_back({false, wrong.end_from_0 ? i - (m - w) : i});
  if (wrong.end_reversed) std::ranges::reverse(end);
  end.resize(end.size() - std::min(end.size(), static_cast<size_t>(wrong.left_out)));
  steps.insert(steps.end(), end.begin(), end.end());
  return steps;
}

int64_t right_warm_up(const Case& c) {
  return std::min<int64_t>(c.micro_batches, c.stages - 1 - c.stage);
}
Order right(const Case& c) { return order(c, {right_warm_up(c)}); }

/// The lists of all cases, one after the other.
using Answers = std::vector<Order>;
using OrderOf = std::function<Order(const Case&)>;

std::vector<KnownWrong<Answers>> known_wrong(const std::function<Answers(const OrderOf&)>& all) {
  const auto warm_up = [&](const std::function<int64_t(const Case&)>& of) {
    return all([&](const Case& c) { return order(c, {of(c)}); });
  };
  const auto changed = [&](const std::function<void(Wrong&)>& change) {
    return all([&](const Case& c) {
      Wrong wrong{right_warm_up(c)};
      change(wrong);
      return order(c, wrong);
    });
  };
  const auto m = [](const Case& c) { return c.micro_batches; };
  return {
      {"right for warm-ups that are one too long: stage j keeps one micro-batch more than p - j",
       warm_up([&](const Case& c) { return std::min<int64_t>(m(c), c.stages - c.stage); })},
      {"right for warm-ups that are one too short: each gradient is waited for, and the time is "
       "longer",
       warm_up([&](const Case& c) {
         return std::min<int64_t>(m(c), std::max(0, c.stages - 2 - c.stage));
       })},
      {"GPipe's: all forward passes come first, and every stage keeps all m micro-batches",
       warm_up(m)},
      {"that of the stages in reverse: the first stage has the longest warm-up, p - 1",
       warm_up([&](const Case& c) { return std::min<int64_t>(m(c), c.stage); })},
      {"right for the first stage on all: stage j needs only p - 1 - j forward passes, and keeps "
       "too much",
       warm_up([&](const Case& c) { return std::min<int64_t>(m(c), c.stages - 1); })},
      {"one micro-batch forward and backward before the next: without a warm-up no two stages work "
       "at the same time",
       warm_up([](const Case&) { return 0; })},
      {"right, but for m < p - 1 - j it has forward passes of micro-batches that do not exist: the "
       "warm-up is min(m, p - 1 - j)",
       warm_up([&](const Case& c) { return c.stages - 1 - c.stage; })},
      {"right, but in each pair the backward pass comes first: the last stage would begin with B0, "
       "before F0",
       changed([](Wrong& wrong) { wrong.backward_first = true; })},
      {"right, but after F(i) comes B(i), which is not there yet: it must be B(i - w)",
       changed([](Wrong& wrong) { wrong.same_number = true; })},
      {"right, but without the last backward passes: those of the warm-up are still to come",
       changed([](Wrong& wrong) { wrong.left_out = 1 << 20; })},
      {"right, but one backward pass is missing at the end",
       changed([](Wrong& wrong) { wrong.left_out = 1; })},
      {"right, but the last backward passes are in reverse: gradients are to be added in the order "
       "0, 1, …, and the other stages send them so",
       changed([](Wrong& wrong) { wrong.end_reversed = true; })},
      {"right, but the last backward passes are those of micro-batches 0, 1, … once more",
       changed([](Wrong& wrong) { wrong.end_from_0 = true; })},
      {"right, but micro-batches are counted from 1", all([](const Case& c) {
         Order steps = right(c);
         for (StageStep& step : steps) ++step.micro_batch;
         return steps;
       })}};
}

/// What is wrong with lists that are none of the known ones.
std::string problem(const Answers& got, const std::vector<Case>& cases) {
  for (size_t first = 0; first < cases.size(); first += static_cast<size_t>(cases[first].stages)) {
    const auto& [stage, stages, micro_batches] = cases[first];
    Schedule schedule;
    for (int j = 0; j < stages; ++j) {
      Steps& steps = schedule.emplace_back();
      for (const auto& [is_forward, number] : got[first + static_cast<size_t>(j)])
        steps.push_back({is_forward ? Pass::forward : Pass::backward, number});
    }
    try {
      replay(schedule, StepCosts::units());
    } catch (const Error& error) {
      return text("your lists for p = ", stages, ", m = ", micro_batches, " are ", error.what());
    }
  }
  return "";
}

void expect_cases(Examiner& examiner, const std::string& name, const std::vector<Case>& cases) {
  const auto all = [&](const OrderOf& order_of) {
    Answers answers;
    for (const Case& c : cases) answers.push_back(order_of(c));
    return answers;
  };
  const Answers got = all(
                    [](const Case&c) { return order_of_1f1b(c.stage, c.stages, c.micro_batches); }),
                expected = all(right);
  std::string difference = problem(got, cases);
  for (size_t i = 0; i < cases.size() && difference.empty(); ++i) {
    if (got[i] == expected[i]) continue;
    difference =
        text("of p = ", cases[i].stages, ", m = ", cases[i].micro_batches, ", stage ",
             cases[i].stage, " does ", shown(expected[i]), ", in your answer ", shown(got[i]));
  }
  expect_answer<Answers>(examiner, "order for " + name, got, expected, known_wrong(all),
                         difference);
}

}  // namespace

void examine(Examiner& examiner) {
  std::vector<Case> many, all;
  for (int p = 1; p <= 5; ++p) {
    for (int64_t m = 1; m <= 7; ++m) {
      for (int j = 0; j < p; ++j) {
        if (m >= p) many.push_back({j, p, m});
        all.push_back({j, p, m});
      }
    }
  }
  examiner.attempt("m ≥ p", [&] { expect_cases(examiner, "p ≤ 5 and p ≤ m ≤ 7", many); });
  examiner.attempt("any m", [&] { expect_cases(examiner, "p ≤ 5 and any m ≤ 7", all); });
}

}  // namespace shard
