#include "exercises/19_interleaved_pipeline/1_interleaved_table.h"

#include <algorithm>
#include <functional>

#include "tests/exercises/answers.h"

namespace shard {
namespace {

/// p stages, m micro-batches, v chunks a stage.
struct Case {
  int p;
  int64_t m;
  int v;
  int64_t passes() const { return m * v; }
};
// no two numbers of a case are equal, but where one group or one chunk is the point
constexpr Case cases[] = {{4, 8, 2}, {3, 9, 4}, {2, 6, 3}, {3, 3, 2}, {5, 5, 1}, {1, 4, 2}};

using Turns = std::vector<StageTurn>;
using TurnOf = std::function<StageTurn(int64_t k, const Case&)>;
using WarmUp = std::function<int64_t(int stage, const Case&)>;

/// Of all cases, one after the other.
Turns turns_of(const TurnOf& turn) {
  Turns all;
  for (const Case& c : cases)
    for (int64_t k = 0; k < c.passes(); ++k) all.push_back(turn(k, c));
  return all;
}
std::vector<int64_t> warm_ups_of(const WarmUp& warm_up) {
  std::vector<int64_t> all;
  for (const Case& c : cases)
    for (int stage = 0; stage < c.p; ++stage) all.push_back(warm_up(stage, c));
  return all;
}

/// The order, made group by group.
StageTurn right_turn(int64_t k, const Case& c) {
  for (int64_t group = 0;; group += c.p)
    for (int chunk = 0; chunk < c.v; ++chunk)
      for (int64_t i = group; i < group + c.p; ++i)
        if (k-- == 0) return {i, chunk};
}
StageTurn right_backward(int64_t k, const Case& c) {
  const StageTurn forward = right_turn(k, c);
  return {forward.micro_batch, c.v - 1 - forward.chunk};
}

StageTurn turn(int64_t micro_batch, int64_t chunk) {
  return {micro_batch, static_cast<int>(chunk)};
}

std::string shown(const StageTurn& turn) {
  return text("micro-batch ", turn.micro_batch, " through chunk ", turn.chunk);
}

/// The first pass that differs.
std::string difference_of(const std::string& name, const Turns& got, const Turns& expected) {
  size_t at = 0;
  for (const Case& c : cases) {
    for (int64_t k = 0; k < c.passes(); ++k, ++at) {
      if (got[at] == expected[at]) continue;
      return text("your ", name, "(", k, ", ", c.p, " stages, ", c.v, " chunks) is ",
                  shown(got[at]), ", expected ", shown(expected[at]));
    }
  }
  return "";
}

// ---- Known wrong orders -------------------------------------------------------------------------

/// Wrong orders of forward passes; in backward passes the chunks are reversed.
std::vector<KnownWrong<TurnOf>> wrong_orders() {
  return {{"each micro-batch through all chunks, one after the other: between two chunks of a "
           "stage the micro-batch goes through all other stages, and this one would wait",
           [](int64_t k, const Case& c) { return turn(k / c.v, k % c.v); }},
          {"all micro-batches through one chunk before the next chunk begins: every stage keeps "
           "all of them, as with GPipe",
           [](int64_t k, const Case& c) { return turn(k % c.m, k / c.m); }},
          {"right for groups of v micro-batches: a group has as many as there are stages, p",
           [](int64_t k, const Case& c) {
             const int64_t q = k % (c.v * c.v);
             return turn(k / (c.v * c.v) * c.v + q % c.v, q / c.v);
           }},
          {"right but for the micro-batch, which is counted from the beginning of its group",
           [](int64_t k, const Case& c) { return turn(k % c.p, right_turn(k, c).chunk); }},
          {"right but for the micro-batch, to which the number of its group is added, not p times "
           "that",
           [](int64_t k, const Case& c) {
             return turn(k / (c.p * c.v) + k % c.p, right_turn(k, c).chunk);
           }},
          {"right but for the chunk, which goes on counting in the second group: there are v only",
           [](int64_t k, const Case& c) { return turn(right_turn(k, c).micro_batch, k / c.p); }},
          {"right but for the chunk, which changes with every pass, not after p of them",
           [](int64_t k, const Case& c) { return turn(right_turn(k, c).micro_batch, k % c.v); }},
          {"right but for the numbers of the chunks, which begin at 1",
           [](int64_t k, const Case& c) {
             return turn(right_turn(k, c).micro_batch, right_turn(k, c).chunk + 1);
           }}};
}

std::vector<KnownWrong<Turns>> forward_mistakes() {
  std::vector<KnownWrong<Turns>> all;
  for (const auto& [diagnosis, order] : wrong_orders()) all.push_back({diagnosis, turns_of(order)});
  all.push_back({"the order of backward passes: forward a micro-batch begins with chunk 0",
                 turns_of(right_backward)});
  return all;
}

std::vector<KnownWrong<Turns>> backward_mistakes() {
  std::vector<KnownWrong<Turns>> all{
      {"that of forward passes: backward a micro-batch begins with the last chunk",
       turns_of(right_turn)},
      {"the forward order from its end: the last micro-batch comes first, and all forward passes "
       "must be over before it",
       turns_of([](int64_t k, const Case& c) { return right_turn(c.passes() - 1 - k, c); })},
      {"right but for the micro-batches, which are reversed in each group: the one that came first "
       "is the first to be ready",
       turns_of([](int64_t k, const Case& c) {
         const int64_t i = right_turn(k, c).micro_batch, group = i / c.p * c.p;
         return turn(group + c.p - 1 - (i - group), right_backward(k, c).chunk);
       })},
      {"right but for the chunk, which is one too high: they are v-1, …, 0",
       turns_of([](int64_t k, const Case& c) {
         return turn(right_turn(k, c).micro_batch, c.v - right_turn(k, c).chunk);
       })}};
  for (const auto& [diagnosis, order] : wrong_orders()) {
    all.push_back({diagnosis, turns_of([&](int64_t k, const Case& c) {
                     const StageTurn forward = order(k, c);
                     return turn(forward.micro_batch, c.v - 1 - forward.chunk);
                   })});
  }
  return all;
}

// ---- The warm-up --------------------------------------------------------------------------------

/// Whatever the formula, there are no more than all passes.
std::vector<int64_t> limited(const WarmUp& formula) {
  return warm_ups_of([&](int stage, const Case& c) {
    return std::min(c.passes(), std::max<int64_t>(0, formula(stage, c)));
  });
}
int64_t formula(int stage, const Case& c) { return 2 * (c.p - 1 - stage) + (c.v - 1) * c.p; }

std::vector<KnownWrong<std::vector<int64_t>>> warm_up_mistakes() {
  return {
      {"more than all forward passes where these are few: a stage has m·v of them",
       warm_ups_of(formula)},
      {"right for one step a stage: without time for the messages, each of which is waited for",
       limited([](int stage, const Case& c) { return c.p - 1 - stage + (c.v - 1) * c.p; })},
      {"right for one chunk: the first micro-batch comes to the last chunk after (v-1)·p passes",
       limited([](int stage, const Case& c) { return 2 * (c.p - 1 - stage); })},
      {"that of 1F1B: the stages between here and the loss are passed v times, and messages take "
       "time",
       limited([](int stage, const Case& c) { return c.p - 1 - stage; })},
      {"right for v groups of p: the last chunk's own passes are pairs with backward passes",
       limited([](int stage, const Case& c) { return 2 * (c.p - 1 - stage) + c.v * c.p; })},
      {"right but for p and v exchanged in the second term, which is (v-1)·p",
       limited([](int stage, const Case& c) { return 2 * (c.p - 1 - stage) + c.v * (c.p - 1); })},
      {"right for the stages in reverse: the first one has the longest way to the loss",
       limited([](int stage, const Case& c) { return 2 * stage + (c.v - 1) * c.p; })},
      {"one too many on every stage: the first of the pairs has a forward pass of its own",
       limited([](int stage, const Case& c) { return formula(stage, c) + 1; })},
      {"one too few: the last stage would wait for its own next step, and all others for it",
       limited([](int stage, const Case& c) { return formula(stage, c) - 1; })},
      {"2·(p - j), two too many: from stage j to the last one there are p - 1 - j steps",
       limited([](int stage, const Case& c) { return formula(stage, c) + 2; })},
      {"all forward passes: a stage keeps all micro-batches, as with GPipe",
       limited([](int, const Case& c) { return c.passes(); })}};
}

void expect_warm_ups(Examiner& examiner) {
  const auto got =
                 warm_ups_of([](int stage, const Case&c) { return warm_up(stage, c.p, c.m, c.v); }),
             expected = limited(formula);
  std::string difference;
  size_t at = 0;
  for (const Case& c : cases) {
    for (int stage = 0; stage < c.p; ++stage, ++at) {
      if (got[at] == expected[at] || !difference.empty()) continue;
      difference = text("your warm_up(", stage, ", ", c.p, " stages, ", c.m, " micro-batches, ",
                        c.v, " chunks) is ", got[at], ", expected ", expected[at]);
    }
  }
  expect_answer(examiner, "warm_up", got, expected, warm_up_mistakes(), difference);
}

void expect_turns(Examiner& examiner, const std::string& name,
                  StageTurn (*answer)(int64_t, int, int), const TurnOf& right,
                  const std::vector<KnownWrong<Turns>>& known) {
  const Turns got = turns_of([&](int64_t k, const Case&c) { return answer(k, c.p, c.v); }),
              expected = turns_of(right);
  expect_answer(examiner, name, got, expected, known, difference_of(name, got, expected));
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("forward_turn", [&] {
    expect_turns(examiner, "forward_turn", forward_turn, right_turn, forward_mistakes());
  });
  examiner.attempt("backward_turn", [&] {
    expect_turns(examiner, "backward_turn", backward_turn, right_backward, backward_mistakes());
  });
  examiner.attempt("warm_up", [&] { expect_warm_ups(examiner); });
}

}  // namespace shard
