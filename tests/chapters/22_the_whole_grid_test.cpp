// Everything of chapters 13 to 16 at once: recomputed blocks on own rows, training in every
// combination, and checkpoints that go on in any other.
#include <cmath>
#include <map>

#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/10_tensor_and_data_parallel/micro_batches.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "chapters/10_tensor_and_data_parallel/self_checks.h"
#include "chapters/11_checkpoints/checkpoint.h"
#include "chapters/11_checkpoints/temporary_folder.h"
#include "chapters/15_sharded_optimizer/shard_norm.h"
#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "chapters/16_fully_sharded/gpt_units.h"
#include "chapters/22_the_whole_grid/blocks_that_fit.h"
#include "chapters/22_the_whole_grid/grid_norm.h"
#include "chapters/22_the_whole_grid/grid_recipe.h"
#include "chapters/22_the_whole_grid/groups.h"
#include "chapters/22_the_whole_grid/layouts.h"
#include "tests/chapters/block_support.h"

using namespace shard;
using namespace shard::chapter_22;
using reference::relative_error;

namespace {

using RowsBlock = SequenceParallelBlock<FusedAttention, FusedMlp>;

// 35 rows, which 2, 3 and 4 ranks do not divide; all cut within a sequence
constexpr int64_t batch = 5, context = 7, width = 24, heads = 12, rows = batch * context;

/// What the passes of a block on own rows have computed, and communicated.
struct Passes {
  std::vector<Tensor> results;  // Y, dX, and the gradients of all parameters
  Ledger forward, backward;
};

template <class Block>
Passes passes_of(Gathered gathered, float probability) {
  Block block(world(), "h.0", {.width = width, .heads = heads, .hidden = 50}, block_init, 0.2f,
              gathered);
  DropoutMoment moment{probability, 9, 4, 2};
  moment.rows = moment.rows_of(batch, rows).part(world().size(), world().rank());
  const auto own = [](const char* name) {
    return tensor(random_matrix(rows, width, name)).slice(my_part(rows));
  };
  typename Block::Kept kept;
  Passes passes;
  const Ledger start = ledger();
  passes.results.push_back(block.forward(own("x"), batch, moment, kept));
  const Ledger middle = ledger();
  passes.results.push_back(block.backward(own("dy"), kept));
  passes.forward = middle.since(start), passes.backward = ledger().since(middle);
  for (const Tensor& gradient : copied_gradients(block.parameters()))
    passes.results.push_back(gradient);
  return passes;
}

void check_calls(const Ledger& ledger, int64_t gathers, int64_t scatters) {
  CHECK(ledger.calls() == gathers + scatters);
  CHECK(ledger.calls(Collective::all_gather) == gathers);
  CHECK(ledger.calls(Collective::reduce_scatter) == scatters);
}

constexpr GptSizes sizes{.vocabulary = 13, .context = 7, .width = 24, .heads = 12, .layers = 3};

TrainingSettings some_settings() {
  TrainingSettings settings;
  settings.batch = 13;
  settings.accumulate = 2;
  settings.dropout = 0.1;
  settings.seed = 77;
  settings.warmup = 2;
  return settings;
}

TextData some_data() {
  std::vector<int32_t> all;
  for (uint64_t i = 0; i < 500; ++i)
    all.push_back(static_cast<int32_t>(RandomStream{1, 2}.below(13, i)));
  return {all, 0.2, sizes.context};
}

BatchOf batch_of(const TextData& data, int64_t step) {
  return [&data, step](Range range) {
    return chapter_10::training_batch(backend(), data, 77, step, range);
  };
}

/// A model in training on all `ranks`: tp of them, the switches' cp and pp, and dp for the rest.
struct Run {
  TrainingSettings settings = some_settings();
  Recipe recipe;
  std::unique_ptr<Grid> made_grid;
  Grid& grid;
  std::unique_ptr<LanguageModel> model;
  Trainer trainer;
  TextData data = some_data();

  Run(Communicator& ranks, int tp, const Switches& switches, uint64_t seed = 77)
      : recipe(recipe_of(switches, settings)),
        made_grid(recipe.grid(ranks, tp,
                              ranks.size() / (tp * static_cast<int>(switches.cp * switches.pp)))),
        grid(*made_grid),
        model(recipe.model(grid, sizes, {seed, 0.2f, 0.1f})),
        trainer(grid.data(), recipe.parts(grid, *model, settings), settings) {}

  Trainer::Step step(int64_t number) { return trainer.step(number, batch_of(data, number)); }
  double validation() { return chapter_10::validation_loss(grid, *model, data, 2, 5); }
  std::vector<int32_t> sampled() { return sample(*model, grid.tp(), {3}, 12, {1, 2}); }
};

/// Of the grids of all ranks: everything that can be switched on.
std::vector<Combination> combinations() {
  std::vector<Combination> all;
  size_t number = 0;
  for (const Combination& one : combinations_of(world().size(), heads, some_settings())) {
    if (one.grid.tp * one.grid.dp != world().size()) continue;
    // an emulated GPU takes its time
    if (backend().device() == Device::cpu || number++ % 3 == 0) all.push_back(one);
  }
  return all;
}

/// That a step has communicated, within tp and within dp, as what is switched on demands.
void check_is_on(const Switches& switches, const Ledger& step) {
  const int64_t gathers = step.calls(Collective::all_gather, "dp");
  CHECK((step.calls(Collective::reduce_scatter, "tp") > 0) == switches.sequence_parallel);
  CHECK((step.calls(Collective::reduce_scatter, "dp") > 0) == (switches.shard_optimizer > 0));
  CHECK((gathers > 0) == (switches.shard_optimizer > 0));
  if (switches.shard_optimizer == 3)  // recomputation needs no more of them
    CHECK(gathers == some_settings().accumulate * (2 * sizes.layers - 1) + 1);
}

CheckpointInfo info(int64_t step) {
  return {.step = step,
          .sizes = sizes,
          .settings = some_settings(),
          .characters = "abcdefghijklm",
          .data = "0123456789abcdef"};
}

/// The most bytes of weights that this rank had at one time in the last step.
int64_t most_weights(const Run& run) {
  return dynamic_cast<const FullySharded&>(run.trainer.reduction()).peak_weight_bytes();
}

/// A model with blocks on own rows or not, whose first blocks are recomputed.
template <class Block>
void check_plan(bool sequence_parallel) {
  const TrainingSettings settings = some_settings();
  Grid grid(world(), {{"tp", world().size()}, {"dp", 1}});
  const auto made = [&](GptSizes of) {
    return recipe_of({.sequence_parallel = sequence_parallel}, settings)
        .model(grid, of, {.seed = 77});
  };
  using Model = BasicGpt<Recomputed<Block>>;
  GptSizes one = sizes;
  one.layers = 1;
  const auto small = made(one), large = made(sizes);
  const Batch largest = largest_micro_batch(grid, sizes, settings);
  CHECK(largest.sequences == 7);  // of 13 in two micro-batches
  const ModelBytes bytes = bytes_kept(dynamic_cast<Model&>(*small), largest, sizes.layers);
  auto& model = dynamic_cast<Model&>(*large);
  for (int64_t recomputed = 0; recomputed <= sizes.layers; ++recomputed) {
    CAPTURE(recomputed);
    for (int64_t i = 0; i < sizes.layers; ++i)
      model.blocks[static_cast<size_t>(i)]->recomputes = i < recomputed;
    typename Model::Kept kept;
    model.forward(largest.tokens, largest.targets, largest.sequences, {}, kept);
    const ModelBytes between{.layers = bytes.layers,
                             .block = bytes.block,
                             .input = bytes.input,
                             .begin = bytes.begin,
                             .end = bytes.end};
    CHECK(bytes_of(kept) == between.begin + between.end + recomputed * between.input +
                                (sizes.layers - recomputed) * between.block);
    CHECK(bytes_of(kept) <= most_kept(bytes, recomputed));
  }
  CHECK((bytes.again > 0) == (sequence_parallel && world().size() > 1));
}

}  // namespace

TEST_CASE("whole grid: a recomputed block on own rows has the same bits, and one collective less") {
  for (const Gathered gathered : {Gathered::again, Gathered::kept}) {
    for (const float probability : {0.0f, 0.3f}) {
      CAPTURE(probability);
      const Passes kept = passes_of<RowsBlock>(gathered, probability),
                   again = passes_of<Recomputed<RowsBlock>>(gathered, probability);
      REQUIRE(again.results.size() == kept.results.size());
      for (size_t i = 0; i < kept.results.size(); ++i) {
        INFO("result ", i);
        CHECK(again.results[i].to_host() == kept.results[i].to_host());
      }
      check_calls(again.forward, 2, 2);
      // attention: gather, scatter, and its backward pass; MLP: a gather that serves both passes
      check_calls(again.backward, gathered == Gathered::again ? 5 : 4, 3);
      check_calls(kept.backward, gathered == Gathered::again ? 4 : 2, 2);
    }
  }
}

TEST_CASE("whole grid: without prefetch the steps are the same, with fewer weights at one time") {
  Run ahead(world(), 1, {.shard_optimizer = 3}),
      late(world(), 1, {.shard_optimizer = 3, .no_prefetch = true});
  for (int64_t step = 0; step < 2; ++step) CHECK(late.step(step).loss == ahead.step(step).loss);
  CHECK(most_weights(late) < most_weights(ahead));
}

TEST_CASE("whole grid: every combination takes the same steps, validates and writes the same") {
  Run alone_run(alone(), 1, {});
  std::vector<Trainer::Step> expected;
  for (int64_t step = 0; step < 2; ++step) expected.push_back(alone_run.step(step));
  Run with_gradients(alone(), 1, {});
  with_gradients.trainer.gradients(0, batch_of(with_gradients.data, 0));
  const double validation = alone_run.validation();
  const std::vector<int32_t> written = alone_run.sampled();
  std::map<std::pair<int, bool>, uint64_t> flops;  // of a step without recomputation
  for (const auto& [layout, switches] : combinations()) {
    INFO(layout.tp, " × ", layout.dp, ": ", name_of(switches));
    Run run(world(), layout.tp, switches);
    run.trainer.gradients(0, batch_of(run.data, 0));
    const auto error = chapter_10::largest_error_of_sums(run.grid, run.trainer.reduction(),
                                                         with_gradients.model->parameters());
    INFO("gradient of ", error.parameter);
    CHECK(error.error < 1e-5);
    for (int64_t step = 0; step < 2; ++step) {
      const Ledger before = ledger();
      const uint64_t flops_before = backend().flops();
      const Trainer::Step got = run.step(step), right = expected[static_cast<size_t>(step)];
      CHECK(right.gradient_norm > run.settings.clip);  // it is clipped
      CHECK(got.loss == doctest::Approx(right.loss).epsilon(1e-5));
      CHECK(got.gradient_norm == doctest::Approx(right.gradient_norm).epsilon(1e-5));
      check_is_on(switches, ledger().since(before));
      const uint64_t of_step = backend().flops() - flops_before;
      uint64_t& of_none = flops[{layout.tp, switches.sequence_parallel}];
      if (switches.recompute == Recompute::none) of_none = of_step;
      CHECK((of_step > of_none) == (switches.recompute == Recompute::full));
    }
    CHECK(run.validation() == doctest::Approx(validation).epsilon(1e-5));  // 5 windows, in twos
    CHECK(run.sampled() == written);  // begins with one row, which tp ranks cannot share out
  }
}

TEST_CASE("whole grid: saved in one combination, resumed in others") {
  const chapter_11::TemporaryFolder folder(world());
  const int tp = world().size() % 2 == 0 ? 2 : 1;
  Run saved(world(), tp, {true, Recompute::full, 3});
  for (int64_t step = 0; step < 3; ++step) saved.step(step);
  const std::string checkpoint = Checkpoints(world(), folder.path() + "/saved", 1)
                                     .save(saved.trainer.optimizer().state(), info(3));
  std::vector<double> losses;
  for (int64_t step = 3; step < 6; ++step) losses.push_back(saved.step(step).loss);
  const auto go_on = [&](Communicator& ranks, int of_tp, const Switches& switches) {
    INFO(of_tp, " × ", ranks.size() / of_tp, ": ", name_of(switches));
    Run run(ranks, of_tp, switches, 5);  // other weights, until those of the checkpoint are set
    run.step(0);
    load_checkpoint(checkpoint, run.trainer.optimizer(), false);
    for (int64_t step = 3; step < 6; ++step) {
      CHECK(run.step(step).loss ==
            doctest::Approx(losses[static_cast<size_t>(step - 3)]).epsilon(1e-5));
    }
  };
  const int fewer = std::max(1, world().size() - 1);
  const auto first = world().split(world().rank() < fewer ? 0 : 1, "fewer");
  if (world().rank() < fewer) go_on(*first, 1, {.shard_optimizer = 1});  // of 4 ranks, dp 3
  go_on(alone(), 1, {});
  go_on(world(), world().size(), {.sequence_parallel = true, .shard_optimizer = 2});
  go_on(world(), 1, {.recompute = Recompute::full, .shard_optimizer = 3});
  world().barrier();  // before the folder goes
}

TEST_CASE("whole grid: a rank with an empty range takes part in every collective") {
  // On 4 ranks, 3 elements and 6 leave the last one without any; on 3 ranks, 4 elements do.
  const int64_t few = world().size() == 3 ? 4 : 3;
  const GptSizes tiny{.vocabulary = 3, .context = 4, .width = few, .heads = 1, .layers = 1};
  TrainingSettings settings = some_settings();
  settings.accumulate = 1;
  std::vector<int32_t> tokens;
  for (uint64_t i = 0; i < 200; ++i)
    tokens.push_back(static_cast<int32_t>(RandomStream{3, 4}.below(3, i)));
  const TextData data(tokens, 0, tiny.context);
  Grid single(alone(), {}), grid(world(), {{"tp", 1}, {"dp", world().size()}});
  const Init init{77, 0.5f, 0.5f};
  Gpt unsplit(single.tp(), tiny, init), unsplit_gradients(single.tp(), tiny, init);
  Trainer(single, unsplit_gradients, settings).gradients(0, batch_of(data, 0));
  Trainer expected(single, unsplit, settings);
  const Trainer::Step right = expected.step(0, batch_of(data, 0));
  const double right_loss = expected.step(1, batch_of(data, 1)).loss;

  const auto leaves_some_empty = [&](const GradientReduction& reduction) {
    int64_t empty = 0;
    for (const StateTensor& gradient : reduction.gradients())
      empty += gradient.part.elements() == 0 ? 1 : 0;
    return empty > 0;
  };
  const auto error_of = [&](const GradientReduction& reduction) {
    return chapter_10::largest_error_of_sums(grid, reduction, unsplit_gradients.parameters()).error;
  };
  Gpt zero_2(grid.tp(), tiny, init), full(grid.tp(), tiny, init);
  StepParts parts = sharded_parts_of_step(grid, zero_2, settings, Sharding::gradients, 4);
  const bool is_last = world().rank() + 1 == world().size();
  CHECK((leaves_some_empty(*parts.reduction) || world().size() < 3 || !is_last));
  Trainer trainer(grid.dp(), std::move(parts), settings);
  const Trainer::Step got = trainer.step(0, batch_of(data, 0));
  CHECK(got.loss == doctest::Approx(right.loss).epsilon(1e-5));
  CHECK(got.gradient_norm == doctest::Approx(right.gradient_norm).epsilon(1e-4));
  CHECK(error_of(trainer.reduction()) < 1e-4);
  CHECK(trainer.step(1, batch_of(data, 1)).loss == doctest::Approx(right_loss).epsilon(1e-4));

  std::vector<Unit> units = units_of(full.parameters());
  units.insert(units.begin() + 1, Unit{"h.0.ln_1", full.blocks[0]->norm_1.parameters()});
  for (const Parameter* parameter : units[1].parameters) std::erase(units[2].parameters, parameter);
  FullySharded weights(grid, ShardingGroups(grid.dp()), units, {});
  ShardNorm norm(grid.world(), weights.own_ranges());
  CHECK((leaves_some_empty(weights) || world().size() < 4 || !is_last));
  for (int step = 0; step < 2; ++step) {  // the same, after all was freed
    weights.zero_gradients();
    MicroBatches(grid.dp(), full, settings).run(0, batch_of(data, 0), weights);
    weights.wait();
    CHECK(error_of(weights) < 1e-4);
    CHECK(std::sqrt(norm.sum_of_squares().to_host()[0]) ==
          doctest::Approx(right.gradient_norm).epsilon(1e-4));
  }
}

TEST_CASE("whole grid: what a block keeps is measured, and the plan is that of chapter 14") {
  check_plan<TransformerBlock>(false);
  check_plan<RowsBlock>(true);
}

/// The same losses, norms, gradients, validation and text as on one rank.
void check_like_one_rank(const std::vector<Combination>& all, const Switches& of_one) {
  Run one(alone(), 1, of_one), with_gradients(alone(), 1, of_one);
  with_gradients.trainer.gradients(0, batch_of(with_gradients.data, 0));
  const Trainer::Step first = one.step(0), second = one.step(1);
  const double validation = one.validation();
  const std::vector<int32_t> written = one.sampled();
  size_t number = 0;
  for (const Combination& combination : all) {
    if (ranks_of(combination) != world().size()) continue;
    // an emulated GPU takes its time
    if (backend().device() == Device::cuda && number++ % 7 != 0) continue;
    INFO(grid_of(combination), ": ", name_of(combination.switches));
    Run run(world(), combination.grid.tp, combination.switches);
    run.trainer.gradients(0, batch_of(run.data, 0));
    const auto error = chapter_10::largest_error_of_sums(run.grid, run.trainer.reduction(),
                                                         with_gradients.model->parameters());
    INFO("gradient of ", error.parameter);
    CHECK(error.error < 1e-5);
    for (int64_t step = 0; step < 2; ++step) {
      const Trainer::Step &right = step == 0 ? first : second, got = run.step(step);
      CHECK(got.loss == doctest::Approx(right.loss).epsilon(1e-5));
      CHECK(got.gradient_norm == doctest::Approx(right.gradient_norm).epsilon(1e-5));
    }
    CHECK(run.validation() == doctest::Approx(validation).epsilon(1e-5));
    CHECK(run.sampled() == written);
  }
}

TEST_CASE("whole grid: pipelines and cut sequences take the same steps, and write the same") {
  check_like_one_rank(combinations_on_further_axes(world().size(), heads, some_settings()), {});
}

TEST_CASE("whole grid: experts on any grid take the steps of one rank, and write the same") {
  check_like_one_rank(combinations_with_experts(world().size(), heads, some_settings()),
                      {.experts = 5});
}

TEST_CASE("whole grid: all combinations, and their names") {
  const auto all = combinations_of(4, 12, some_settings());
  CHECK(all.size() == 54);
  int64_t with_all = 0;
  for (const auto& [grid, switches] : all) {
    CHECK((!switches.sequence_parallel || grid.tp > 1));
    CHECK((switches.shard_optimizer == 0 || grid.dp > 1));
    with_all += name_of(switches) == "sequence parallel, recompute full, shard 3" ? 1 : 0;
  }
  CHECK(with_all == 1);  // 2 × 2
  CHECK(name_of({}) == "tensor and data parallel");
}

// ---- The table of gradients ---------------------------------------------------------------------

TEST_CASE("whole grid: each kind of parameter has the gradient that the table promises") {
  const int size = world().size(), tp = size % 2 == 0 ? 2 : size;
  Run unsplit(alone(), 1, {});
  unsplit.trainer.gradients(0, batch_of(unsplit.data, 0));
  std::map<std::string, const Parameter*> whole;
  for (const Parameter* parameter : unsplit.model->parameters()) whole[parameter->name] = parameter;
  for (const bool rows_cut : {false, true}) {
    Run run(world(), tp, {.sequence_parallel = rows_cut && tp > 1});
    run.trainer.gradients(0, batch_of(run.data, 0));
    std::map<Kind, double> errors;
    const Parameters parameters = run.model->parameters();
    const std::vector<StateTensor> gradients = run.trainer.reduction().gradients();
    for (size_t i = 0; i < parameters.size(); ++i) {
      const Parameter& right = *whole.at(parameters[i]->name);
      double& error = errors[row_of(*parameters[i]).kind];
      error = std::max(error, relative_error(whole_of(world(), gradients[i]),
                                             right.without_padding(right.gradient)));
    }
    CHECK(errors.size() == 3);
    for (const auto& [kind, error] : errors) {
      INFO("kind ", static_cast<int>(kind));
      CHECK(error < 1e-5);
    }
  }
}

TEST_CASE("whole grid: a layer that says something else than the table is named") {
  const int size = world().size();
  Grid grid(world(), {{"tp", size}});
  Run run(world(), size, {});
  const Parameters parameters = run.model->parameters();
  const auto refusal = [&](bool rows_cut) {
    return message_of([&] { require_as_in_table(grid, parameters, rows_cut); });
  };
  CHECK(refusal(false) == "(nothing was thrown)");
  if (size == 1) return;
  CHECK(contains(refusal(true), "is summed over \"\", but the table says \"tp\""));
  Parameter& table = *parameters.front();
  table.partial_over = {"tp", "dp"};
  CHECK(refusal(false) == "wte.weight is summed over \"tp\", but the table says \"\"");
  table.partial_over = {"dp"};
  table.counts = false;
  CHECK(refusal(false) == "wte.weight does not count on a rank where the table says otherwise");
}

TEST_CASE("whole grid: one norm of every kind of parameter, on every grid with experts") {
  const int size = world().size();
  for (const auto& [sizes_of, ep] : std::vector<std::pair<AxisSizes, int>>{
           {{{"tp", size}}, 1}, {{{"pp", size}}, 1}, {{{"dp", size}}, size}, {{{"cp", size}}, 1}}) {
    Grid grid(world(), sizes_of);
    grid.fold({"cp", "dp"}, "ep", ep, "edp");
    const auto made = [&](const std::string& name, Shard shard) {
      return std::make_unique<Parameter>(backend(), name, std::move(shard), 7, 0.0f);
    };
    const int tp = grid.coordinate("tp"), pp = grid.coordinate("pp"), at = grid.coordinate("ep");
    const auto cut =
        made(text("h.", pp, ".cut"), Shard::of_columns({3, 8}, {part_of(8, grid.size("tp"), tp)}));
    const auto gain = made(text("h.", pp, ".gain"), Shard::all({5}));
    const auto tied = made("wte.weight", Shard::of_rows({7, 2}, part_of(7, grid.size("tp"), tp)));
    const auto expert = made(text("h.", pp, ".expert.", at), Shard::all({4}));
    expert->partial_over = {"edp"};
    gain->counts = expert->counts = tp == 0;
    tied->counts = pp == 0;
    Parameters mine{cut.get(), gain.get(), expert.get()};
    if (pp == 0 || pp + 1 == grid.size("pp")) mine.push_back(tied.get());
    for (Parameter* parameter : mine) fill(parameter->gradient, 1.0f);
    const int stages = grid.size("pp");
    const double expected = stages * (24.0 + 5.0) + 14.0 + stages * ep * 4.0;
    CHECK(GridNorm(grid, mine).sum_of_squares().to_host()[0] == expected);
  }
}

TEST_CASE("whole grid: groups of any grid, and what is none") {
  const GridOfGroups megatron{{{"tp", 2}, {"cp", 1}, {"pp", 4}, {"dp", 2}}, 2, "tp-dp-pp"};
  CHECK(megatron.layout().group_of(0, {"pp"}) == std::vector<int>{0, 4, 8, 12});
  CHECK(megatron.layout().group_of(3, {"ep"}) == std::vector<int>{1, 3});
  const auto refusal = [](const GridOfGroups& grid) {
    return message_of<UsageError>([&] { grid.layout(); });
  };
  CHECK(refusal({{{"tp", 2}, {"cp", 3}}, 1, "tp-dp"}) ==
        "--order tp-dp, --ep 1: the grid has no axis cp");
  CHECK(contains(refusal({{{"dp", 6}}, 4}), "axis ep of 4 ranks does not divide the 6 ranks"));
  CHECK(contains(refusal({{{"tp", 2000}, {"dp", 2000}}}), "at most 1048576 ranks"));
}
