// Checkpoints: what any grid of ranks has saved, any other grid reads, bit by bit; and a checkpoint
// that is not whole or not of this model is refused.
#include <nlohmann/json.hpp>

#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/11_checkpoints/checkpoint.h"
#include "common/storage/safetensors.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;
namespace fs = std::filesystem;

namespace {

/// A model in training on a grid.
struct Run {
  Grid grid;
  Gpt model;
  Trainer trainer;
  TextData data;

  static CheckpointInfo info(int64_t step) {
    CheckpointInfo info{
        .step = step,
        .sizes = {.vocabulary = 13, .context = 8, .width = 24, .heads = 12, .layers = 2},
        .settings = {},
        .characters = "abcdefghijklm",
        .data = "0123456789abcdef"};
    info.settings.seed = 77;
    info.settings.dropout = 0.1;
    return info;
  }

  static std::vector<int32_t> tokens() {
    std::vector<int32_t> all;
    for (uint64_t i = 0; i < 500; ++i)
      all.push_back(static_cast<int32_t>(RandomStream{1, 2}.below(13, i)));
    return all;
  }

  Run(Communicator& ranks, int tp, int dp, uint64_t seed = 77)
      : grid(ranks, {{"tp", tp}, {"dp", dp}}),
        model(grid.tp(), info(0).sizes, {seed, 0.2f, 0.1f}),
        trainer(grid, model, info(0).settings),
        data(tokens(), 0, 8) {}

  double step(int64_t number) {
    const auto batch_of = [&](Range range) {
      return chapter_10::training_batch(backend(), data, 77, number, range);
    };
    return trainer.step(number, batch_of).loss;
  }
};

/// A folder of rank 0, which all ranks know.
struct SharedFolder {
  std::unique_ptr<TemporaryFolder> mine;
  std::string path;
  SharedFolder() {
    if (world().rank() == 0) mine = std::make_unique<TemporaryFolder>();
    path = world().gather_text(mine ? mine->path().string() : "").front();
  }
  ~SharedFolder() { world().barrier(); }
};

std::vector<std::pair<int, int>> grids() {
  const int ranks = world().size();
  std::vector<std::pair<int, int>> all{{ranks, 1}, {1, ranks}};
  if (ranks == 4) all.emplace_back(2, 2);
  return all;
}

std::string save(Run& run, const std::string& folder, int64_t step) {
  return Checkpoints(world(), folder, 1).save(run.trainer.optimizer().state(), Run::info(step));
}

}  // namespace

TEST_CASE(
    "a checkpoint of any grid goes on in the same grid bit by bit, and in any other up to "
    "rounding") {
  for (const auto& [tp, dp] : grids()) {
    CAPTURE(tp);
    CAPTURE(dp);
    const SharedFolder folder;
    Run run(world(), tp, dp), same(world(), tp, dp, 1), single(alone(), 1, 1, 2);
    for (int64_t step = 0; step < 3; ++step) run.step(step);
    const std::string checkpoint = save(run, folder.path, 3);
    load_checkpoint(checkpoint, same.trainer.optimizer(), false);
    load_checkpoint(checkpoint, single.trainer.optimizer(), false);
    for (int64_t step = 3; step < 6; ++step) {
      const double loss = run.step(step);
      CHECK(same.step(step) == loss);
      CHECK(single.step(step) == doctest::Approx(loss).epsilon(1e-5));
    }
  }
}

TEST_CASE("the files of every grid are the same, bit by bit") {
  std::string first;
  for (const auto& [tp, dp] : grids()) {
    const SharedFolder folder;
    Run run(world(), tp, dp);  // before the first step there is no rounding
    const fs::path checkpoint = save(run, folder.path, 0);
    std::string all;
    for (const char* file :
         {"model.safetensors", "optimizer.safetensors", "config.json", "training.json"}) {
      all += content_of(checkpoint / file);
    }
    if (first.empty()) first = all;
    CHECK(all == first);
  }
}

namespace {

/// The state of a run that this rank has alone, as if all ranks shared out each tensor's elements.
class SharedOut : public Optimizer {
 public:
  explicit SharedOut(Run& run) : run_(run) {}
  TrainingState state() override {
    TrainingState state = run_.trainer.optimizer().state();
    for (auto* tensors : {&state.weights, &state.moments}) {
      for (StateTensor& tensor : *tensors) {
        const int64_t elements = tensor.part.elements();
        tensor.held = part_of(elements, world().size(), world().rank());
        tensor.part = tensor.part.reshape({elements}).slice(*tensor.held);
        tensor.writes = true;
      }
    }
    return state;
  }
  void state_was_set() override { was_set = true; }
  void update(int64_t, double, const Tensor&) override {}
  bool was_set = false;

 private:
  Run& run_;
};

}  // namespace

TEST_CASE(
    "ranks that share out the elements of a tensor write the same files, and read their own") {
  const SharedFolder folder;
  Run run(alone(), 1, 1), other(alone(), 1, 1, 3);
  for (int64_t step = 0; step < 2; ++step) run.step(step);
  SharedOut shared(run), read(other);
  const fs::path checkpoint =
      Checkpoints(world(), folder.path + "/shared", 1).save(shared.state(), Run::info(2));
  std::string expected;
  if (world().rank() == 0)
    expected = Checkpoints(alone(), folder.path + "/whole", 1)
                   .save(run.trainer.optimizer().state(), Run::info(2));
  expected = world().gather_text(expected).front();
  for (const char* file : {"model.safetensors", "optimizer.safetensors"})
    CHECK(content_of(checkpoint / file) == content_of(fs::path(expected) / file));

  load_checkpoint(checkpoint, read, false);
  CHECK(read.was_set);
  const TrainingState got = read.state(), want = shared.state();
  for (size_t i = 0; i < got.weights.size(); ++i)
    CHECK(got.weights[i].part.to_host() == want.weights[i].part.to_host());
  for (size_t i = 0; i < got.moments.size(); ++i)
    CHECK(got.moments[i].part.to_host() == want.moments[i].part.to_host());
}

TEST_CASE("the runs of a share of a cut tensor's elements") {
  // columns 4, 5 and 1, 2 of a matrix of 2 × 6: elements 4 5 1 2 | 10 11 7 8
  const Shard shard = Shard::of_columns({2, 6}, {{4, 6}, {1, 3}});
  StateTensor tensor{.name = "x", .shard = shard, .part = {}, .held = Range{1, 7}};
  std::vector<std::vector<int64_t>> runs;
  const auto visit = [&](int64_t begin, int64_t whole, int64_t length) {
    runs.push_back({begin, whole, length});
  };
  tensor.for_each_run(visit);
  CHECK(runs == std::vector<std::vector<int64_t>>{{0, 5, 1}, {1, 1, 2}, {3, 10, 2}, {5, 7, 1}});
  runs.clear();
  tensor.held = Range{3, 3};
  tensor.for_each_run(visit);
  CHECK(runs.empty());
  tensor.held.reset();
  tensor.for_each_run(visit);
  CHECK(runs == std::vector<std::vector<int64_t>>{{0, 4, 2}, {2, 1, 2}, {4, 10, 2}, {6, 7, 2}});

  tensor.held = Range{5, 8};
  tensor.part = Tensor::zeros(backend(), {3});
  const std::vector<float> values{0, 1, 2, 3, 4, 5, 6, 7};
  tensor.assign(values);
  CHECK(tensor.part.to_host() == std::vector<float>{5, 6, 7});
  CHECK(contains(message_of([&] { tensor.assign(std::span(values).first(7)); }),
                 "x: 7 values for a part of shape [2 × 4]"));
}

TEST_CASE("a checkpoint says what it was saved with") {
  const SharedFolder folder;
  Run run(world(), world().size(), 1);
  const CheckpointInfo info = read_checkpoint_info(save(run, folder.path, 4));
  CHECK(info.step == 4);
  CHECK(info.sizes.vocabulary == 13);
  CHECK(info.sizes.heads == 12);
  CHECK(info.settings.seed == 77);
  CHECK(info.settings.dropout == 0.1);
  CHECK(info.settings.learning_rate == 1e-3);
  CHECK(info.characters == "abcdefghijklm");
  CHECK(fingerprint_of("a text") != fingerprint_of("a texu"));
  CHECK(fingerprint_of("").size() == 16);
}

TEST_CASE("a checkpoint of another model, or not whole, is refused") {
  const SharedFolder folder;
  Run run(world(), world().size(), 1);
  const fs::path checkpoint = save(run, folder.path, 4);
  const std::string whole = content_of(checkpoint / "training.json");
  const auto refusal = [&](const std::string& path, const nlohmann::json& value) {
    nlohmann::json changed = nlohmann::json::parse(whole);
    value.is_null() ? void(changed[nlohmann::json::json_pointer("/sizes")].erase(path))
                    : void(changed[nlohmann::json::json_pointer(path)] = value);
    world().barrier();
    if (world().rank() == 0) write_file(checkpoint / "training.json", changed.dump());
    world().barrier();
    return message_of<UsageError>([&] { read_checkpoint_info(checkpoint); });
  };
  CHECK(refusal("/step", 5) == "(nothing was thrown)");
  CHECK(contains(refusal("/step", -1), "training.json: step is -1, which is not from 0 to"));
  CHECK(contains(refusal("/step", 1.5), "step is 1.5, which is not from 0 to"));
  CHECK(contains(refusal("/step", "many"), "step is \"many\", which is not from 0 to"));
  CHECK(contains(refusal("/sizes/heads", 0), "heads is 0, which is not from 1 to"));
  CHECK(contains(refusal("/sizes/layers", 999), "training.json says layers 999, "));
  CHECK(contains(refusal("/sizes/width", 1 << 20), "training.json says width 1048576, "));
  CHECK(contains(refusal("/sizes/context", 9), "model.safetensors has 8"));
  CHECK(contains(refusal("/sizes/vocabulary", 14), "training.json says vocabulary 14, "));
  CHECK(contains(refusal("/settings/accumulate", 0), "accumulate is 0, which is not from 1 to"));
  CHECK(contains(refusal("/settings/learning-rate", "fast"),
                 "learning-rate is \"fast\", which is not from 0 to"));
  CHECK(contains(refusal("/precision", "f16"), "precision is f32, tf32 or bf16, not f16"));
  CHECK(contains(refusal("/reduce_in", "tf32"), "reduce_in is f32 or bf16, not tf32"));
  CHECK(contains(refusal("/characters", 3), "training.json is not from a checkpoint: "));
  CHECK(contains(refusal("width", nullptr), "training.json is not from a checkpoint: "));
  world().barrier();
  if (world().rank() == 0)
    write_file(checkpoint / "training.json", whole.substr(0, whole.size() / 2));
  world().barrier();
  CHECK(contains(message_of<UsageError>([&] { read_checkpoint_info(checkpoint); }),
                 "training.json is not valid JSON: "));
  CHECK(contains(message_of<UsageError>([] { read_checkpoint_info("/no/such"); }),
                 "cannot open /no/such/training.json"));
}
