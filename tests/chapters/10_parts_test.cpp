// Chapter 10's parts that are not layers: the learning rate, layouts, sampling, initial weights.
// Ranks: 1.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "common/text/character_tokenizer.h"
#include "common/text/text_data.h"
#include "common/text/utf8.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;

TEST_CASE("the learning rate warms up linearly and falls along a half cosine to its minimum") {
  TrainingSettings settings;
  settings.steps = 110;
  settings.warmup = 10;
  settings.learning_rate = 1.0;
  settings.min_learning_rate = 0.2;
  CHECK(learning_rate_at(0, settings) == doctest::Approx(1.0 / 11));
  CHECK(learning_rate_at(9, settings) == doctest::Approx(10.0 / 11));
  CHECK(learning_rate_at(10, settings) == doctest::Approx(1.0));
  CHECK(learning_rate_at(60, settings) == doctest::Approx(0.6));
  CHECK(learning_rate_at(110, settings) == doctest::Approx(0.2));
  CHECK(learning_rate_at(500, settings) == doctest::Approx(0.2));
}

TEST_CASE("layouts: every grid that fits, 1 × 1 first, heads and batch permitting") {
  TrainingSettings settings;
  settings.batch = 2;
  const std::vector<chapter_10::Layout> layouts = chapter_10::layouts_of(4, 2, settings);
  std::vector<std::pair<int, int>> found;
  for (const chapter_10::Layout& layout : layouts) found.emplace_back(layout.tp, layout.dp);
  CHECK(found == std::vector<std::pair<int, int>>{{1, 1}, {2, 1}, {1, 2}, {2, 2}});
}

TEST_CASE("sampling continues the prompt, depends on the stream only, and goes past the context") {
  Gpt model(alone(), {13, 8, 12, 3, 1}, {5, 0.3f, 0.3f});
  const std::vector<int32_t> once = sample(model, alone(), {4, 2}, 20, {1, 2});
  CHECK(once.size() == 22);
  CHECK(once[0] == 4);
  for (int32_t token : once) CHECK((token >= 0 && token < 13));
  CHECK(sample(model, alone(), {4, 2}, 20, {1, 2}) == once);
  CHECK(sample(model, alone(), {4, 2}, 20, {1, 3}) != once);
}

TEST_CASE("with all other logits far below, sampling draws the largest") {
  Gpt model(alone(), {13, 8, 12, 3, 1}, {5, 0.3f, 0.3f});
  Gpt::Kept kept;
  const std::vector<float> logits = model.logits(indices({4}), 1, {}, kept).to_host();
  const auto largest = std::max_element(logits.begin(), logits.begin() + 13) - logits.begin();
  CHECK(sample(model, alone(), {4}, 1, {1, 2}, {1e-4})[1] == largest);
}

TEST_CASE(
    "initial weights: projections are narrower by the root of twice the layers, gains are one") {
  Gpt model(alone(), {50, 8, 48, 3, 2}, {5, 0.02f, 0.0f});
  for (const Parameter* parameter : model.parameters()) {
    CAPTURE(parameter->name);
    const std::vector<float> values = parameter->without_padding(parameter->value).to_host();
    double square = 0;
    for (float value : values) square += double{value} * value / static_cast<double>(values.size());
    const bool projection = parameter->name.ends_with("c_proj.weight");
    if (parameter->is_matrix())
      CHECK(std::sqrt(square) == doctest::Approx(projection ? 0.01 : 0.02).epsilon(0.1));
    const bool gain =
        parameter->name.find("ln_") != std::string::npos && parameter->name.ends_with(".weight");
    if (!parameter->is_matrix()) CHECK(square == doctest::Approx(gain ? 1.0 : 0.0));
  }
}

TEST_CASE("the update: few launches for all parameters") {
  Grid grid(world(), {{"tp", 1}, {"dp", 1}});
  Gpt model(grid.tp(), {13, 8, 12, 3, 12}, {5, 0.3f, 0.3f});
  const Parameters parameters = model.parameters();
  REQUIRE(parameters.size() == 148);  // as many as GPT-2 has
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    if (!backend().computes_in(type_of(precision))) continue;
    INFO(to_string(precision));
    TrainingSettings settings;
    settings.precision = precision;
    const StepParts parts = parts_of_step(grid, model, settings);
    const auto update = [&] {
      parts.reduction->zero_gradients();
      const Tensor factor = clip_factor(parts.norm->sum_of_squares(), 1.0f);
      parts.optimizer->update(0, 1e-3, factor);
    };
    const int64_t before = backend().launches();
    update();
    // 148 tensors, 64 a launch. Gradients: 1 to zero the bucket; 3 · 2 sums, 1 for their total,
    // which 1 has zeroed; 1 for the factor; 3 for the weights
    CHECK(backend().launches() - before == (backend().device() == Device::cuda ? 13 : 0));
  }
}
