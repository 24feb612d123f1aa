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
