#include "exercises/18_pipeline/2_without_deadlock.h"

#include <algorithm>

#include "common/base/counted.h"
#include "tests/exercises/stage_group.h"
#include "tests/exercises/support.h"

namespace shard {
namespace {

const Shape shape{3, 5};

/// Runs one stage alone, and notes what it computes, and with what.
void run_alone(StageGroup& group, const Steps& steps) {
  Steps done;
  const auto compute = [&](const Step& step, const Tensor& input) {
    done.push_back(step);
    const bool is_forward = step.pass == Pass::forward;
    const int from = group.rank() + (is_forward ? -1 : 1);
    const bool has_input = from >= 0 && from < group.size();
    const std::string of =
        text("the input of ", in_words(step), " on stage ", group.rank(), " is ");
    if (!has_input && input) {
      group.found(of + "no empty Tensor: at the model's end there is none");
    } else if (has_input && !input) {
      group.found(of + "an empty Tensor");
    } else if (has_input) {
      const float want = content_of(from, step), got = input.to_host()[0];
      if (got != want) group.found(of + content_name(got) + ", and not " + content_name(want));
    }
    return Tensor::full(group.backend(), shape, content_of(group.rank(), step));
  };
  run_stage(group, steps, shape, compute);
  if (done != steps)
    group.found(text("stage ", group.rank(), " computes ", to_string(done), ", and not ",
                     to_string(steps)));
}

/// Steps of stages that send and receive, so many times each.
std::string wrong_number(const StageGroup& group, int64_t micro_batches) {
  int64_t messages = 0;
  for (const StageGroup::Event& event : group.events())
    if (event.is_start) messages += std::ssize(event.messages);
  const int neighbours = (group.rank() > 0 ? 1 : 0) + (group.rank() + 1 < group.size() ? 1 : 0);
  if (messages == 2 * neighbours * micro_batches) return "";
  return text("stage ", group.rank(), " of ", group.size(), " starts ",
              counted(messages, "message"), ", and not ", 2 * neighbours * micro_batches);
}

void expect_schedule(Examiner& examiner, const std::string& name, StepsOfStage steps, int stages,
                     int64_t micro_batches) {
  const Schedule schedule = schedule_of(steps, stages, micro_batches);
  std::vector<std::unique_ptr<StageGroup>> groups;
  std::string problem, number;
  for (int stage = 0; stage < stages; ++stage) {
    groups.push_back(
        std::make_unique<StageGroup>(examiner.backend(), stage, stages, micro_batches));
    run_alone(*groups.back(), schedule[static_cast<size_t>(stage)]);
    if (problem.empty()) problem = groups.back()->problem();
    if (number.empty()) number = wrong_number(*groups.back(), micro_batches);
  }
  if (problem.empty()) problem = number;
  const std::string of = text(" of ", name, ", p = ", stages, ", m = ", micro_batches);
  examiner.expect("contents" + of, problem.empty(), problem + ":" + of);
  const std::string waiting = standstill(groups);
  examiner.expect("no standstill" + of, waiting.empty(), "a deadlock:" + of + ": " + waiting);
}

}  // namespace

void examine(Examiner& examiner) {
  for (const int stages : {1, 2, 3, 4}) {
    for (const int64_t micro_batches : {1, 2, 3, 5}) {
      examiner.attempt(text("p = ", stages, ", m = ", micro_batches), [&] {
        expect_schedule(examiner, "1F1B", one_forward_one_backward, stages, micro_batches);
        expect_schedule(examiner, "GPipe", gpipe, stages, micro_batches);
      });
      if (!examiner.verdict()) return;  // the other cases would only say it again
    }
  }
}

}  // namespace shard
