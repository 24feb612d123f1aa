// A GPT in a pipeline: on every grid, with every schedule and number of micro-batches, the
// gradients of chapter 10; what stages keep; and the switches of chapters 13 to 15 in it.
#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "chapters/14_recompute/recomputed.h"
#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "chapters/18_pipeline/trial.h"
#include "common/check/compare.h"
#include "tests/synchronous_sends.h"
#include "tests/test_support.h"

using namespace shard;
using namespace shard::chapter_18;
using reference::relative_error;

namespace {

constexpr StepsOfStage both[] = {gpipe, one_forward_one_backward};

bool on_cpu() { return backend().device() == Device::cpu; }

/// On the emulated GPU, which is slow, one of several numbers.
std::vector<int64_t> some_of(const std::vector<int64_t>& numbers) {
  return on_cpu() ? numbers : std::vector<int64_t>{numbers[numbers.size() / 2]};
}

/// tp × pp × dp on all ranks; on an emulated GPU, which takes its time, one of these.
std::vector<std::array<int, 3>> grids() {
  std::vector<std::array<int, 3>> all;
  const int ranks = world().size();
  if (!on_cpu()) return {ranks % 2 == 0 ? std::array{ranks / 2, 2, 1} : std::array{1, ranks, 1}};
  for (int tp = 1; tp <= ranks; ++tp)
    for (int pp = 1; tp * pp <= ranks; ++pp)
      if (ranks % (tp * pp) == 0) all.push_back({tp, pp, ranks / (tp * pp)});
  return all;
}

Settings settings_of(std::array<int, 3> grid, int64_t micro_batches, int64_t layers = 5) {
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

bool is_on_two_stages(const Parameter& parameter) { return parameter.is_partial_over("pp"); }

/// Gradients, loss and norm of a step, and of the next one, which sees what the first has updated.
void check_steps(Trial& trial, Reference& expected) {
  const double loss = trial.gradients(0), want = expected.gradients(0);
  CHECK(relative_error(loss, want) < 1e-6);
  for (const Parameter* parameter : trial.model->parameters()) {
    INFO(parameter->name);
    const Tensor& gradient = expected.parameter(parameter->name).gradient;
    if (!is_on_two_stages(*parameter) && on_cpu()) CHECK(same_bits(parameter->gradient, gradient));
    if (!parameter->name.ends_with("c_attn.bias"))
      CHECK(relative_error(parameter->gradient, gradient) < 1e-5);
  }
  for (int64_t step = 0; step < 2; ++step) {
    const Trainer::Step got = trial.step(step), right = expected.step(step);
    CHECK(relative_error(got.loss, right.loss) < 1e-6);
    CHECK(relative_error(got.gradient_norm, right.gradient_norm) < 1e-5);
  }
}

void check_against_chapter_10(const Settings& s, StepsOfStage steps) {
  INFO("tp ", s.tp, ", pp ", s.pp, ", dp ", s.dp, ", m ", s.training.accumulate);
  Trial trial(world(), s, steps);
  Reference expected(world(), s, trial.stage());
  check_steps(trial, expected);
  const int64_t m = s.training.accumulate;
  CHECK(trial.pipeline->most_in_flight() ==
        (steps == gpipe ? m : std::min(m, s.pp - trial.stage())));
  CHECK(trial.model->part(0).in_flight() == 0);
  CHECK(trial.model->part(0).bytes_kept() == 0);
}

/// The table's value on the stage that has it, broadcast from the first.
bool tables_are_equal(Trial& trial) {
  Communicator& pp = trial.model->stages();
  const Parameter* table = nullptr;
  for (const Parameter* parameter : trial.model->parameters())
    if (parameter->name == "wte.weight") table = parameter;
  const auto rows = static_cast<int64_t>(
      pp.max_of(table != nullptr ? static_cast<double>(table->value.rows()) : 0));
  Tensor first =
      pp.rank() == 0 ? table->value.clone() : Tensor(backend(), {rows, trial.settings.sizes.width});
  pp.broadcast(first, 0);
  return table == nullptr || same_bits(first, table->value);
}

template <class Block>
std::unique_ptr<PipelinedModel> model_of(Grid& grid, const Settings& s, const Init& init,
                                         const std::shared_ptr<const BlockRows>& rows = nullptr) {
  return pipelined_gpt<Block>(grid, s.sizes, init,
                              cut_into_parts(s.sizes.layers, grid.size("pp"), {}),
                              usual_block<Block>(grid.tp(), s.sizes, init), rows);
}

const Init init{77, 0.1f, 0.1f};

/// A training of `model`, whose first two steps must have the losses and norms of chapter 10.
void check_training(Grid& grid, PipelinedModel& model, const Settings& s, StepParts parts) {
  const Schedule schedule =
      schedule_of(one_forward_one_backward, grid.size("pp"), s.training.accumulate);
  Trainer trainer(grid.dp(), in_pipeline(std::move(parts), grid, model, s.training, schedule),
                  s.training);
  Reference expected(world(), s, model.stages().rank());
  for (int64_t step = 0; step < 3; ++step) {
    const Trainer::Step got = trainer.step(step, batches_of(backend(), s, step)),
                        want = expected.step(step);
    CHECK(relative_error(got.loss, want.loss) < 1e-5);
    CHECK(relative_error(got.gradient_norm, want.gradient_norm) < 1e-4);
  }
}

}  // namespace

TEST_CASE("pipeline: gradients are chapter 10's, on every grid and with every schedule") {
  for (const auto& grid : grids())
    for (const StepsOfStage steps : both)
      for (const int64_t micro_batches : some_of({1, 2, 5}))
        check_against_chapter_10(settings_of(grid, micro_batches), steps);
}

TEST_CASE("pipeline: the same where sends wait for their receivers") {
  const SynchronousSends synchronous;
  for (const int64_t m : some_of({1, 2, 3, 4, 5}))
    for (const StepsOfStage steps : both)
      check_against_chapter_10(settings_of({1, world().size(), 1}, m), steps);
}

TEST_CASE("pipeline: stages without layers, and one without parameters") {
  for (const int64_t layers : some_of({1, 2})) {
    const Settings s = settings_of({1, world().size(), 1}, 3, layers);
    for (const StepsOfStage steps : both) check_against_chapter_10(s, steps);
  }
}

TEST_CASE("pipeline: the table is the same on both stages, before and after training") {
  Settings s = settings_of({1, world().size(), 1}, 4);
  Trial trial(world(), s, one_forward_one_backward);
  CHECK(tables_are_equal(trial));
  for (int64_t step = 0; step < 4; ++step) trial.step(step);
  CHECK(tables_are_equal(trial));
}

TEST_CASE("pipeline: as a language model it is the whole model, on every rank") {
  for (const auto& grid : grids()) {
    const Settings s = settings_of(grid, 3);
    Trial trial(world(), s, gpipe);
    Reference whole(world(), s, trial.stage());
    CHECK(trial.model->parameter_count() == whole.model.parameter_count());
    const Batch batch = batches_of(backend(), s, 0)({2, 5});
    CHECK(same_bits(trial.model->losses(batch), whole.model.losses(batch)));
    const Batch one = batches_of(backend(), s, 1)({0, 1});
    CHECK(same_bits(trial.model->logits(one.tokens), whole.model.logits(one.tokens)));
    zero_gradients(trial.model->parameters());
    zero_gradients(whole.model.parameters());
    const DropoutMoment moment{0.2f, 5, 1, 2};
    CHECK(same_bits(trial.model->forward_backward(batch, moment, 0.25f),
                    whole.model.forward_backward(batch, moment, 0.25f)));
    for (const Parameter* parameter : trial.model->parameters()) {
      if (!is_on_two_stages(*parameter) && on_cpu())
        CHECK(same_bits(parameter->gradient, whole.parameter(parameter->name).gradient));
    }
  }
}

TEST_CASE("pipeline: every rank lists the weights and gradients of all stages") {
  const Settings s = settings_of({1, world().size(), 1}, 2);
  Trial trial(world(), s, one_forward_one_backward);
  Reference expected(world(), s, trial.stage());
  trial.step(0);
  expected.step(0);
  const std::vector<StateTensor> weights = trial.trainer->optimizer().state().weights,
                                 gradients = trial.trainer->reduction().gradients();
  const Parameters whole = expected.model.parameters();
  REQUIRE(weights.size() == whole.size());
  REQUIRE(gradients.size() == whole.size());
  CHECK(trial.trainer->optimizer().state().moments.size() == 2 * whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    INFO(whole[i]->name);
    CHECK(weights[i].name == whole[i]->name);
    CHECK(relative_error(whole_of(world(), weights[i]),
                         whole[i]->without_padding(whole[i]->value)) < 1e-4);
    if (!whole[i]->name.ends_with("c_attn.bias"))
      CHECK(relative_error(whole_of(world(), gradients[i]),
                           whole[i]->without_padding(whole[i]->gradient)) < 1e-5);
  }
}

TEST_CASE("pipeline: with sequence parallelism stages hand over a part of the rows") {
  using Block = SequenceParallelGpt::Block;
  for (const auto& axes : grids()) {
    const Settings s = settings_of(axes, 3);
    Grid grid(world(), {{"tp", axes[0]}, {"pp", axes[1]}, {"dp", axes[2]}});
    const auto model = model_of<Block>(grid, s, init, std::make_shared<const CutRows>(grid.tp()));
    check_training(grid, *model, s, parts_of_step(grid, *model, s.training));
  }
}

TEST_CASE("pipeline: with recomputation a stage keeps its inputs") {
  const Settings s = settings_of({1, world().size(), 1}, 4);
  Grid grid(world(), {{"pp", world().size()}});
  const auto model = model_of<Recomputed<TransformerBlock>>(grid, s, init);
  check_training(grid, *model, s, parts_of_step(grid, *model, s.training));
}

TEST_CASE("pipeline: with a sharded optimizer") {
  for (const auto& axes : grids()) {
    for (const Sharding sharding : {Sharding::moments, Sharding::gradients}) {
      const Settings s = settings_of(axes, 3);
      Grid grid(world(), {{"tp", axes[0]}, {"pp", axes[1]}, {"dp", axes[2]}});
      const auto model = model_of<TransformerBlock>(grid, s, init);
      check_training(grid, *model, s, sharded_parts_of_step(grid, *model, s.training, sharding));
    }
  }
}

TEST_CASE("pipeline: what does not fit is refused") {
  Settings s = settings_of({1, world().size(), 1}, 2);
  Grid grid(world(), {{"pp", world().size()}});
  const auto model = model_of<TransformerBlock>(grid, s, init);
  const auto passes = [&](const Schedule& schedule) {
    return message_of([&] { Pipeline(grid.dp(), *model, s.training, schedule); });
  };
  const int stages = world().size();
  CHECK(contains(passes(schedule_of(gpipe, stages + 1, 2)), "a schedule of"));
  CHECK(passes(schedule_of(gpipe, stages, 3)) ==
        "a schedule of 3 micro-batches through 1 chunks a stage, for 2 micro-batches through 1");
  s.training.batch = 1;
  CHECK(message_of<UsageError>([&] {
          Pipeline(grid.dp(), *model, s.training, schedule_of(gpipe, stages, 2));
        }) == "--batch 1 has too few sequences for --dp 1 × --accumulate 2");
  if (stages > 1) {
    CHECK(contains(message_of([&] { pipelined_gpt(grid, s.sizes, init, parts_with_layers({3})); }),
                   "a model in 1 parts for"));
  } else {
    CHECK(message_of([&] {
            pipelined_gpt(grid, s.sizes, init, parts_with_layers({2, 3}));
          }) == "one stage with 2 chunks has nothing to interleave");
  }
}
