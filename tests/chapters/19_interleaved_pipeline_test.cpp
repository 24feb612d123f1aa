// Ranks: 2, 3, 4.
// A GPT with interleaved schedules and with backward passes in two parts, on every grid: the
// gradients of chapter 10, what is sent and kept, and what a stage says of other schedules.
#include "chapters/18_pipeline/trial.h"
#include "chapters/19_interleaved_pipeline/interleaved.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/19_interleaved_pipeline/replays.h"
#include "chapters/19_interleaved_pipeline/split_backward.h"
#include "common/check/compare.h"
#include "tests/synchronous_sends.h"
#include "tests/test_support.h"

using namespace shard;
using chapter_18::Reference;
using chapter_18::Settings;
using chapter_18::Trial;
using reference::relative_error;

namespace {

/// tp × pp × dp on all ranks, with several stages.
std::vector<std::array<int, 3>> grids() {
  std::vector<std::array<int, 3>> all;
  const int ranks = world().size();
  if (backend().device() == Device::cuda)  // an emulated GPU takes its time
    return {{1, ranks, 1}};
  for (int tp = 1; tp <= ranks; ++tp)
    for (int pp = 2; tp * pp <= ranks; ++pp)
      if (ranks % (tp * pp) == 0) all.push_back({tp, pp, ranks / (tp * pp)});
  return all;
}

Settings settings_of(std::array<int, 3> grid, int64_t micro_batches, int64_t layers) {
  Settings s;
  s.tp = grid[0], s.pp = grid[1], s.dp = grid[2];
  s.sizes = {.vocabulary = 29, .context = 7, .width = 24, .heads = 12, .layers = layers};
  s.training.batch = s.dp * micro_batches + s.dp + 1;  // micro-batches of different sizes
  s.training.accumulate = micro_batches;
  s.training.dropout = 0.1;
  s.training.seed = 77;
  s.training.warmup = 2;
  return s;
}

Trial trial_of(const Settings& s, const Schedule& schedule, int chunks) {
  return Trial(world(), s, schedule,
               cut_into_parts(s.sizes.layers, static_cast<int>(s.pp) * chunks, end_costs(s.sizes)),
               chapter_18::passes<SplitBackward>());
}

/// Gradients, loss and norm of a step, and of the next one, which sees what the first has updated.
void check_steps(Trial& trial, Reference& expected) {
  CHECK(relative_error(trial.gradients(0), expected.gradients(0)) < 1e-6);
  for (const Parameter* parameter : trial.model->parameters()) {
    INFO(parameter->name);
    const Tensor& gradient = expected.parameter(parameter->name).gradient;
    if (!parameter->is_partial_over("pp") && backend().device() == Device::cpu)
      CHECK(same_bits(parameter->gradient, gradient));
    if (!parameter->name.ends_with("c_attn.bias"))
      CHECK(relative_error(parameter->gradient, gradient) < 1e-6);
  }
  for (int64_t step = 0; step < 2; ++step) {
    const Trainer::Step got = trial.step(step), right = expected.step(step);
    CHECK(relative_error(got.loss, right.loss) < 1e-6);
    CHECK(relative_error(got.gradient_norm, right.gradient_norm) < 1e-5);
  }
}

void check_against_chapter_10(const Settings& s, const Schedule& schedule, int chunks) {
  INFO("tp ", s.tp, ", pp ", s.pp, ", dp ", s.dp, ", m ", s.training.accumulate, ", v ", chunks);
  Trial trial = trial_of(s, schedule, chunks);
  Reference expected(world(), s, trial.stage());
  check_steps(trial, expected);
  const auto& passes = static_cast<const SplitBackward&>(*trial.pipeline);
  const Steps& steps = schedule[static_cast<size_t>(trial.stage())];
  CHECK(passes.most_in_flight() == chapter_19::most_kept(steps));
  CHECK(passes.longest_queue() == chapter_19::longest_queue(steps));
  CHECK((passes.most_queued_bytes() > 0) == (passes.longest_queue() > 0));
  for (int chunk = 0; chunk < chunks; ++chunk) CHECK(trial.model->part(chunk).bytes_kept() == 0);
}

}  // namespace

TEST_CASE("interleaved: gradients are chapter 10's, on every grid") {
  for (const auto& grid : grids()) {
    for (const auto& [micro_batches, chunks, layers] :
         {std::tuple{4, 2, 9}, {5, 3, 7}, {1, 2, 5}}) {
      check_against_chapter_10(settings_of(grid, micro_batches, layers),
                               named_schedule("interleaved", grid[1], micro_batches, chunks),
                               chunks);
    }
  }
}

TEST_CASE("ZB-H1: gradients are chapter 10's, on every grid") {
  for (const auto& grid : grids()) {
    for (const int64_t micro_batches : {5, 2}) {
      check_against_chapter_10(settings_of(grid, micro_batches, 5),
                               named_schedule("zb-h1", grid[1], micro_batches, 1), 1);
    }
  }
}

TEST_CASE("interleaved with weights' gradients later: both at once, with sends that wait") {
  const SynchronousSends waits;
  for (const auto& grid : grids()) {
    Schedule schedule;
    for (int stage = 0; stage < grid[1]; ++stage)
      schedule.push_back(with_later_weights(interleaved(stage, grid[1], 5, 2), stage + 1));
    check_against_chapter_10(settings_of(grid, 5, 8), schedule, 2);
  }
}

TEST_CASE("ZB-H1: weights' gradients in another order than the backward passes") {
  const std::array<int, 3> grid{1, world().size(), 1};
  Schedule schedule = named_schedule("zb-h1", grid[1], 3, 1);
  Steps& last = schedule.back();
  std::erase_if(last, [](const Step& step) { return step.pass == Pass::weight_gradient; });
  for (const int64_t i : {1, 0, 2}) last.push_back({Pass::weight_gradient, i});
  const Settings s = settings_of(grid, 3, 5);
  CHECK(
      message_of([&] { trial_of(s, schedule, 1); }) ==
      "the weights' gradients of micro-batch 1 come before those of micro-batch 0, whose backward "
      "pass is older");
}

TEST_CASE("schedules by name") {
  for (const std::string& name : schedule_names())
    CHECK(named_schedule(name, 3, 4, name == "interleaved" ? 2 : 1).size() == 3);
  const auto message = [](const std::string& name, int stages, int chunks) {
    return message_of<UsageError>([&] { named_schedule(name, stages, 4, chunks); });
  };
  CHECK(message("gpipe", 3, 2) == "the schedule gpipe has one chunk a stage, not 2");
  CHECK(message("fifo", 3, 2) == "there is no schedule fifo");
  CHECK(message("interleaved", 1, 2) ==
        "the schedule interleaved needs 2 stages and 2 chunks at least, not 1 stage and 2 chunks");
}
