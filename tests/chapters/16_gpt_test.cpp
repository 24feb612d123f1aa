// A GPT with fully sharded weights: on every grid, with accumulation and with hybrid sharding it
// takes the steps of chapters 10 and 15, and its checkpoints are theirs.
#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/11_checkpoints/checkpoint.h"
#include "chapters/11_checkpoints/temporary_folder.h"
#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "chapters/16_fully_sharded/fully_sharded_step.h"
#include "tests/chapters/block_support.h"
#include "tests/support_files.h"

using namespace shard;
namespace fs = std::filesystem;

namespace {

std::vector<std::pair<int, int>> grids() {  // tp × dp
  std::vector<std::pair<int, int>> all;
  for (int tp = 1; tp <= world().size(); ++tp)
    if (world().size() % tp == 0) all.emplace_back(tp, world().size() / tp);
  // an emulated GPU takes its time: the grid with both axes, where there is one
  if (backend().device() == Device::cuda && all.size() > 2) return {all[1]};
  return all;
}

TrainingSettings some_settings(int64_t accumulate = 1) {
  TrainingSettings settings;
  settings.batch = 13;
  settings.accumulate = accumulate;
  settings.dropout = 0.1;
  settings.seed = 77;
  settings.clip = 0;
  settings.warmup = 2;
  return settings;
}

/// Three blocks, so that units of two differ in size; a vocabulary that 2, 3 and 4 do not divide.
constexpr GptSizes sizes{.vocabulary = 13, .context = 8, .width = 24, .heads = 12, .layers = 3};

std::vector<int32_t> some_tokens() {
  std::vector<int32_t> all;
  for (uint64_t i = 0; i < 500; ++i)
    all.push_back(static_cast<int32_t>(RandomStream{1, 2}.below(13, i)));
  return all;
}

/// A model in training, with the parts that `make` makes.
struct Run {
  using Make = std::function<StepParts(Grid&, LanguageModel&, const TrainingSettings&)>;
  Grid grid;
  Gpt model;
  TrainingSettings settings;
  Trainer trainer;
  TextData data;

  Run(Communicator& ranks, int tp, const Make& make, const TrainingSettings& s, uint64_t seed = 77)
      : grid(ranks, {{"tp", tp}, {"dp", ranks.size() / tp}}),
        model(grid.tp(), sizes, {seed, 0.2f, 0.1f}),
        settings(s),
        trainer(grid.dp(), make(grid, model, settings), settings),
        data(some_tokens(), 0.2, 8) {}

  Trainer::Step step(int64_t number) {
    return trainer.step(number, [&](Range range) {
      return chapter_10::training_batch(backend(), data, 77, number, range);
    });
  }

  /// All weights, whole, by name. Collective over the ranks of the grid.
  std::map<std::string, std::vector<float>> weights() {
    std::map<std::string, std::vector<float>> all;
    for (const StateTensor& tensor : trainer.optimizer().state().weights) {
      std::vector<float> whole(static_cast<size_t>(tensor.shard.whole.elements()), 0.0f);
      const std::vector<float> part = tensor.part.to_host();
      tensor.for_each_run([&](int64_t begin, int64_t at, int64_t length) {
        if (!tensor.writes) return;
        std::copy_n(part.begin() + begin, length, whole.begin() + at);
      });
      const Tensor sum = Tensor::from(backend(), tensor.shard.whole, std::span<const float>(whole));
      all[tensor.name] = grid.world().all_reduce(PartialSum(sum)).to_host();
    }
    return all;
  }
};

Run::Make unsharded() { return parts_of_step; }
Run::Make sharded_optimizer(Sharding sharding) {
  return [=](Grid& grid, LanguageModel& model, const TrainingSettings& settings) {
    return sharded_parts_of_step(grid, model, settings, sharding);
  };
}
Run::Make fully_sharded(FullSharding sharding = {}) {
  return [=](Grid& grid, LanguageModel& model, const TrainingSettings& settings) {
    return fully_sharded_step(grid, model, settings, sharding).parts;
  };
}

using Weights = std::map<std::string, std::vector<float>>;

/// Of all weights but K's biases, whose gradients are rounding noise.
double weights_error(const Weights& got, const Weights& expected) {
  CHECK(got.size() == expected.size());
  double worst = 0;
  for (const auto& [name, values] : expected) {
    if (name.ends_with("c_attn.bias")) continue;
    const Shape shape{std::ssize(values)};
    worst = reference::larger(worst, reference::relative_error(tensor(shape, got.at(name)),
                                                               tensor(shape, values)));
  }
  return worst;
}

/// What came of the first steps of a run.
struct Steps {
  std::vector<Trainer::Step> steps;
  Weights weights;

  Steps(int tp, const Run::Make& make, const TrainingSettings& settings) {
    Run run(world(), tp, make, settings);
    for (int64_t step = 0; step < 3; ++step) steps.push_back(run.step(step));
    weights = run.weights();
  }
};

/// The same losses, norms and weights, to the bit where `exact`.
void check_same(const Steps& got, const Steps& expected, bool exact) {
  for (size_t i = 0; i < expected.steps.size(); ++i) {
    const Trainer::Step &a = got.steps[i], &b = expected.steps[i];
    if (exact) CHECK(a.loss == b.loss);
    CHECK(a.loss == doctest::Approx(b.loss).epsilon(1e-5));
    // exact or not: squares are added in another order
    CHECK(a.gradient_norm == doctest::Approx(b.gradient_norm).epsilon(exact ? 1e-6 : 1e-4));
  }
  if (exact) CHECK(got.weights == expected.weights);
  CHECK(weights_error(got.weights, expected.weights) < 1e-4);
}

CheckpointInfo info(int64_t step) {
  return {.step = step,
          .sizes = sizes,
          .settings = some_settings(),
          .characters = "abcdefghijklm",
          .data = "0123456789abcdef"};
}

}  // namespace

TEST_CASE("fully sharded gpt: the steps of chapter 15, to the bit, and of chapter 10") {
  // the sum of two is the same in any order, and on a CPU each part is summed in that of the ranks;
  // a GPU adds in any order
  const bool exact = backend().device() == Device::cpu;
  const TrainingSettings settings = some_settings();
  for (const auto& [tp, dp] : grids()) {
    CAPTURE(tp);
    const Steps plain(tp, unsharded(), settings),
        zero_2(tp, sharded_optimizer(Sharding::gradients), settings),
        by_block(tp, fully_sharded(), settings),
        by_two(tp, fully_sharded({.unit_blocks = 2, .prefetch = false}), settings);
    check_same(by_block, zero_2, exact);
    check_same(by_two, zero_2, exact);
    check_same(by_block, plain, exact && dp <= 2);
  }
}

TEST_CASE("fully sharded gpt: micro-batches, clipping, and evaluation between the steps") {
  TrainingSettings settings = some_settings(2);
  settings.clip = 0.05;
  for (const auto& [tp, dp] : grids()) {
    CAPTURE(tp);
    Run run(world(), tp, fully_sharded(), settings), plain(world(), tp, unsharded(), settings);
    for (int64_t step = 0; step < 3; ++step) {
      run.step(step);
      CHECK(plain.step(step).gradient_norm > settings.clip);
      const auto loss = [](Run& of) {
        return chapter_10::validation_loss(of.grid, of.model, of.data, 4, 8);
      };
      CHECK(loss(run) == doctest::Approx(loss(plain)).epsilon(1e-5));
    }
    CHECK(weights_error(run.weights(), plain.weights()) < 1e-4);
  }
}

TEST_CASE("fully sharded gpt: hybrid sharding takes the same steps") {
  const TrainingSettings settings = some_settings(2);
  for (const auto& [tp, dp] : grids()) {
    if (dp == 1) continue;
    const Steps plain(tp, unsharded(), settings);
    for (int shard_ranks = 1; shard_ranks < dp; ++shard_ranks) {
      if (dp % shard_ranks != 0) continue;
      CAPTURE(tp);
      CAPTURE(shard_ranks);
      check_same(Steps(tp, fully_sharded({.shard_ranks = shard_ranks}), settings), plain, false);
    }
  }
}

TEST_CASE(
    "fully sharded gpt: a checkpoint is chapter 10's, and goes on with other numbers of ranks") {
  for (const auto& [tp, dp] : grids()) {
    CAPTURE(tp);
    const chapter_11::TemporaryFolder folder(world());
    const TrainingSettings settings = some_settings();
    Run run(world(), tp, fully_sharded(), settings), plain(world(), tp, unsharded(), settings);
    const fs::path initial = Checkpoints(world(), folder.path() + "/sharded", 1)
                                 .save(run.trainer.optimizer().state(), info(0)),
                   expected = Checkpoints(world(), folder.path() + "/plain", 1)
                                  .save(plain.trainer.optimizer().state(), info(0));
    for (const char* file : {"model.safetensors", "optimizer.safetensors"})
      CHECK(content_of(initial / file) == content_of(expected / file));
    for (int64_t step = 0; step < 3; ++step) run.step(step);
    const fs::path saved = Checkpoints(world(), folder.path() + "/after", 1)
                               .save(run.trainer.optimizer().state(), info(3));
    Run again(world(), tp, fully_sharded({.unit_blocks = 3}), settings, 3),
        hybrid(world(), tp, fully_sharded({.shard_ranks = 1}), settings, 4),
        single(alone(), 1, unsharded(), settings, 5),
        zero_1(world(), tp, sharded_optimizer(Sharding::moments), settings, 6);
    std::vector<Run*> others{&again, &hybrid, &single, &zero_1};
    // what it has gathered is given back when other weights are set
    chapter_10::validation_loss(again.grid, again.model, again.data, 4, 8);
    for (Run* other : others) load_checkpoint(saved, other->trainer.optimizer(), false);
    const auto loss = [](Run& of) {
      return chapter_10::validation_loss(of.grid, of.model, of.data, 4, 8);
    };
    CHECK(loss(again) == doctest::Approx(loss(zero_1)).epsilon(1e-5));
    for (int64_t step = 3; step < 5; ++step) {
      const double loss = run.step(step).loss;
      for (Run* other : others)
        CHECK(other->step(step).loss == doctest::Approx(loss).epsilon(1e-5));
    }
    for (Run* other : {&again, &hybrid, &zero_1})
      CHECK(weights_error(other->weights(), run.weights()) < 1e-4);
    const fs::path by_hybrid = Checkpoints(world(), folder.path() + "/hybrid", 1)
                                   .save(hybrid.trainer.optimizer().state(), info(5));
    CHECK(fs::file_size(by_hybrid / "model.safetensors") ==
          fs::file_size(saved / "model.safetensors"));
    world().barrier();  // before the folder goes
  }
}

TEST_CASE("fully sharded gpt: bf16 weights are gathered in bf16") {
  if (!backend().computes_in(DataType::bf16)) return;
  TrainingSettings settings = some_settings();
  settings.precision = settings.reduce_in = Precision::bf16;
  for (const auto& [tp, dp] : grids()) {
    CAPTURE(tp);
    Run run(world(), tp, fully_sharded(), settings), plain(world(), tp, unsharded(), settings);
    const Ledger before = ledger();
    for (int64_t step = 0; step < 3; ++step) {
      const Trainer::Step a = run.step(step), b = plain.step(step);
      CHECK(a.loss == doctest::Approx(b.loss).epsilon(5e-3));
      CHECK(a.gradient_norm == doctest::Approx(b.gradient_norm).epsilon(5e-2));
    }
    const int64_t gathers = ledger().since(before).calls(Collective::all_gather, "dp");
    CHECK(gathers == 3 * (2 * sizes.layers - 1 + 1));
  }
}

TEST_CASE("fully sharded gpt: a gradient that is not finite leaves the weights as they are") {
  Run run(world(), 1, fully_sharded(), some_settings());
  run.step(0);
  Tensor part = run.trainer.optimizer().state().weights.back().part;  // of the last norm
  const Tensor before = part.clone();
  const auto weights = run.weights();
  fill(part, std::numeric_limits<float>::infinity());
  CHECK(!std::isfinite(run.step(1).gradient_norm));
  copy(part, before);
  CHECK(run.weights() == weights);
}
