// The golden test: chapter 10's Gpt and Trainer against PyTorch in float64, in every layout of the
// ranks it runs on. tests/golden/README.md says what the file holds; SHARD_GOLDEN names another
// file of the same kind.
// 6 for the layout 2 × 3; 5 do not divide the heads.
// Ranks: 1, 2, 3, 4, 5, 6.
#include <cmath>
#include <cstdlib>
#include <map>

#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "common/base/folders.h"
#include "common/storage/safetensors.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

std::string golden_file() {
  const char* named = std::getenv("SHARD_GOLDEN");
  return named != nullptr ? named : source_folder() + "/tests/golden/gpt2_tiny.safetensors";
}

/// The golden file, and the sizes and settings that its metadata names.
struct Golden {
  SafetensorsReader file{golden_file()};
  GptSizes sizes{whole("vocab"), whole("context"), whole("width"), whole("heads"), whole("layers")};
  TrainingSettings settings;

  Golden() {
    settings.batch = whole("batch");
    settings.steps = whole("steps");
    settings.learning_rate = real("learning_rate");
    settings.beta1 = real("beta1");
    settings.beta2 = real("beta2");
    settings.epsilon = real("epsilon");
    settings.weight_decay = real("weight_decay");
    settings.clip = real("gradient_clip");
  }

  double real(const std::string& name) const { return std::stod(file.metadata().at(name)); }
  int64_t whole(const std::string& name) const { return std::stoll(file.metadata().at(name)); }

  void load(Gpt& model) const {
    for (Parameter* parameter : model.parameters())
      parameter->assign_whole(file.floats("initial." + parameter->name));
  }

  /// Sequences `range` of the batch of step `step`.
  Batch batch(int64_t step, Range range) const {
    const auto cut = [&](const std::string& name) {
      const std::vector<int32_t> all = file.integers(name);
      const auto first = all.begin() + (step * settings.batch + range.begin) * sizes.context;
      return indices({first, first + range.size() * sizes.context});
    };
    return {cut("tokens"), cut("targets"), range.size()};
  }
};

/// The tensor-parallel sizes that these ranks, the file's heads and its batch allow.
std::vector<int> tensor_parallel_sizes(const Golden& golden) {
  std::vector<int> sizes;
  for (int tp = 1; tp <= world().size(); ++tp) {
    const bool fits = world().size() % tp == 0 && golden.sizes.heads % tp == 0;
    if (fits && golden.settings.batch >= world().size() / tp) sizes.push_back(tp);
  }
  return sizes;
}

/// ‖got - expected‖ / ‖expected‖ of this rank's part of the whole tensor `name` of the file.
double error_against(const Golden& golden, const std::string& name, const Parameter& parameter,
                     const Tensor& got) {
  const std::vector<float> part = parameter.shard.cut(golden.file.floats(name));
  return reference::relative_error(got.to_host(), std::vector<double>(part.begin(), part.end()));
}

void check_logits(const Golden& golden, Grid& grid, Gpt& model) {
  const Range rows = part_of(golden.settings.batch, grid.dp().size(), grid.dp().rank());
  Gpt::Kept kept;
  const Tensor logits =  // [rows·context × ⌈vocab/t⌉]
      model.logits(golden.batch(0, rows).tokens, rows.size(), {}, kept);
  const std::vector<float> got = logits.to_host(), expected = golden.file.floats("logits");
  const Range columns = vocabulary_part(golden.sizes.vocabulary, grid.tp());
  double worst = 0;
  for (int64_t row = 0; row < logits.rows(); ++row) {
    for (int64_t column = columns.begin; column < std::min(columns.end, golden.sizes.vocabulary);
         ++column) {
      const int64_t there =
          (rows.begin * golden.sizes.context + row) * golden.sizes.vocabulary + column;
      const double mine = got[static_cast<size_t>(row * logits.columns() + column - columns.begin)];
      worst = reference::larger(worst, std::abs(mine - expected[static_cast<size_t>(there)]));
    }
  }
  CHECK(worst <= 1e-4);
}

void check_gradients_of_first_step(const Golden& golden, Trainer& trainer, Gpt& model) {
  trainer.gradients(0, [&](Range range) { return golden.batch(0, range); });
  for (const Parameter* parameter : model.parameters()) {
    CAPTURE(parameter->name);
    CHECK(error_against(golden, "gradient." + parameter->name, *parameter, parameter->gradient) <=
          1e-4);
    if (!parameter->name.ends_with("c_attn.bias")) continue;
    const std::vector<float> gradient = parameter->gradient.to_host();
    double of_k = 0, all = 0;  // Σ g²; of K see check_final_weights
    for (size_t i = 0; i < gradient.size(); ++i) {
      const double square = double{gradient[i]} * gradient[i];
      all += square;
      if (i / (gradient.size() / 3) == 1) of_k += square;
    }
    CHECK(std::sqrt(of_k) <= 1e-6 * std::sqrt(all));
  }
}

/// All within 1e-3 relative, but K's bias: it moves all scores of a row alike, so softmax ignores
/// it and its gradient is zero. What is left of it in single precision is rounding noise near
/// AdamW's epsilon, which AdamW divides by its own size: that third of c_attn.bias may drift by as
/// much as a step.
void check_final_weights(const Golden& golden, const Parameter& parameter) {
  const std::string name = "final." + parameter.name;
  if (!parameter.name.ends_with("c_attn.bias")) {
    CHECK(error_against(golden, name, parameter, parameter.value) <= 1e-3);
    return;
  }
  const std::vector<float> expected = parameter.shard.cut(golden.file.floats(name));
  std::vector<float> got = parameter.value.to_host();
  const size_t third = got.size() / 3;  // Q, K, V
  for (size_t i = third; i < 2 * third; ++i) {
    CHECK(std::abs(got[i] - expected[i]) <= golden.settings.learning_rate);
    got[i] = expected[i];
  }
  CHECK(reference::relative_error(got, std::vector<double>(expected.begin(), expected.end())) <=
        1e-3);
}

/// Neither gradients nor decay reach the padding of a table: it stays exactly zero.
void check_padding(const Parameter& parameter) {
  std::vector<float> padding = parameter.value.to_host();
  parameter.shard.for_each_run([&](int64_t begin, int64_t, int64_t length) {
    std::fill_n(padding.begin() + begin, length, 0.0f);
  });
  CHECK(padding == std::vector<float>(padding.size(), 0.0f));
}

void check_training(const Golden& golden, Trainer& trainer, Gpt& model) {
  const std::vector<float> losses = golden.file.floats("losses"),
                           norms = golden.file.floats("gradient_norms");
  for (int64_t step = 0; step < golden.settings.steps; ++step) {
    CAPTURE(step);
    const int64_t waits = backend().waits();
    const Trainer::Step got = trainer.step(
        step, [&](Range range) { return golden.batch(step, range); },
        golden.settings.learning_rate);
    // Nothing but reading the loss and the norm waits for a GPU. (Collectives that are staged do.)
    if (world().size() == 1)
      CHECK(backend().waits() - waits == (backend().device() == Device::cuda ? 2 : 0));
    CHECK(std::abs(got.loss - losses[static_cast<size_t>(step)]) <= 1e-4);
    CHECK(std::abs(got.gradient_norm - norms[static_cast<size_t>(step)]) <= 1e-4);
  }
  for (const Parameter* parameter : model.parameters()) {
    CAPTURE(parameter->name);
    check_final_weights(golden, *parameter);
    check_padding(*parameter);
  }
}

/// The same training with weights and activations in bf16, whose 8 bits of precision leave about
/// two digits.
void check_bf16_training(const Golden& golden, Trainer& trainer) {
  const std::vector<float> losses = golden.file.floats("losses"),
                           norms = golden.file.floats("gradient_norms");
  for (int64_t step = 0; step < golden.settings.steps; ++step) {
    CAPTURE(step);
    const Trainer::Step got = trainer.step(
        step, [&](Range range) { return golden.batch(step, range); },
        golden.settings.learning_rate);
    CHECK(std::abs(got.loss - losses[static_cast<size_t>(step)]) <= 2e-2);
    CHECK(std::abs(got.gradient_norm / norms[static_cast<size_t>(step)] - 1) <= 5e-2);
  }
}

}  // namespace

TEST_SUITE("10_golden") {
  TEST_CASE(
      "logits, gradients, losses and final weights are PyTorch's in every layout of these ranks") {
    const Golden golden;
    const std::vector<int> layouts = tensor_parallel_sizes(golden);
    for (int tp : layouts) {
      CAPTURE(tp);
      Grid grid(world(), {{"tp", tp}, {"dp", world().size() / tp}});
      Gpt model(grid.tp(), golden.sizes, {1, 0.02f, 0.0f});
      golden.load(model);
      Trainer trainer(grid, model, golden.settings);
      check_logits(golden, grid, model);
      check_gradients_of_first_step(golden, trainer, model);
      check_training(golden, trainer, model);
    }
    CHECK_FALSE(layouts.empty());
    // 12 heads, 6 sequences: every grid of as many ranks fits, but tp 5
    if (std::getenv("SHARD_GOLDEN") == nullptr) {
      const std::map<int, size_t> fitting{{1, 1}, {2, 2}, {3, 2}, {4, 3}, {5, 1}, {6, 4}};
      CHECK(layouts.size() == fitting.at(world().size()));
    }
  }

  TEST_CASE("in bf16, losses and gradient norms stay near PyTorch's") {
    if (!backend().computes_in(DataType::bf16)) return;
    const Golden golden;
    const std::vector<int> layouts = tensor_parallel_sizes(golden);
    CHECK_FALSE(layouts.empty());
    for (int tp : layouts) {
      if (tp != layouts.front() && tp != layouts.back()) continue;
      CAPTURE(tp);
      Grid grid(world(), {{"tp", tp}, {"dp", world().size() / tp}});
      Gpt model(grid.tp(), golden.sizes, {1, 0.02f, 0.0f});
      golden.load(model);
      TrainingSettings settings = golden.settings;
      settings.precision = settings.reduce_in = Precision::bf16;
      Trainer trainer(grid, model, settings);
      CHECK(model.parameters()[0]->value.type() == DataType::bf16);
      check_bf16_training(golden, trainer);
    }
  }
}
