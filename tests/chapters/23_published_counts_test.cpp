// Parameters and operations in closed form, beside what papers print.
// Ranks: 1. CPU only.
#include <doctest/doctest.h>

#include <cmath>

#include "chapters/23_planner/counting.h"
#include "chapters/23_planner/parameter_list.h"

using namespace shard;
using namespace shard::chapter_23;

namespace {

ModelShape gpt(int64_t heads, int64_t width, int64_t layers, int64_t context = 2048) {
  return {.name = "gpt",
          .layers = layers,
          .width = width,
          .heads = heads,
          .context = context,
          .vocabulary = 51200};
}

/// Percent of the peak of so many A100s.
double utilization(double flops, double seconds, int gpus) {
  return 100 * flops / (seconds * gpus * 312e12);
}

}  // namespace

TEST_CASE("counting: the ten models of Narayanan et al., table 1, in billions of parameters") {
  const std::vector<std::pair<ModelShape, double>> models{
      {gpt(24, 2304, 24), 1.7},    {gpt(32, 3072, 30), 3.6},     {gpt(32, 4096, 36), 7.5},
      {gpt(48, 6144, 40), 18.4},   {gpt(64, 8192, 48), 39.1},    {gpt(80, 10240, 60), 76.1},
      {gpt(96, 12288, 80), 145.6}, {gpt(128, 16384, 96), 310.1}, {gpt(128, 20480, 105), 529.6},
      {gpt(160, 25600, 128), 1008}};
  for (const auto& [model, billions] : models) {
    const int64_t h = model.width,
                  equation_2 = model.layers * (12 * h * h + 13 * h) + (51200 + 2048) * h;
    CHECK(parameters(model) == equation_2 + 2 * h);  // the last norm
    CHECK(std::abs(static_cast<double>(parameters(model)) * 1e-9 - billions) < 0.1);
  }
}

TEST_CASE("counting: the parameters of all ranks are the model's, and the stated copies") {
  ModelShape model{
      .name = "small", .layers = 12, .width = 24, .heads = 12, .context = 7, .vocabulary = 60};
  for (const int64_t experts : {0, 6}) {
    model.experts = experts;
    for (const auto& [tp, pp, ep] : {std::array{1, 1, 1}, {3, 1, 1}, {4, 2, 2}, {2, 3, 3}}) {
      const Layout layout{.tp = tp, .pp = pp, .dp = ep, .ep = experts > 0 ? ep : 1};
      int64_t all = 0, whole = 0;
      for (int64_t stage = 0; stage < pp; ++stage)
        all += tp * parameters_of_rank(model, layout, stage);
      for (const ParameterSize& one : parameters_of_part(model, {.layers = {0, model.layers}}, {}))
        whole += one.kind == Kind::whole ? one.elements : 0;
      // an expert's matrices and first bias are cut over tp, its last bias is not
      const int64_t matrices = model.layers * experts * (8 * 24 * 24 + 4 * 24),
                    last_biases = model.layers * experts * 24;
      const int64_t dense = parameters(model) - matrices - last_biases;
      CHECK(all == dense + (tp - 1) * whole + (pp > 1 ? 60 * 24 : 0) +
                       (matrices + tp * last_biases) / layout.ep);
    }
  }
}

TEST_CASE("counting: model and hardware FLOPs are the closed forms of the papers") {
  const ModelShape model = gpt(96, 12288, 96);
  const auto b = 3.0, s = 2048.0, h = 12288.0, layers = 96.0, v = 51200.0;
  const auto near = [](double value) { return doctest::Approx(value).epsilon(1e-12); };
  const double in_layers = b * s * layers * h * h;
  CHECK(model_flops(model, 3) == near(72 * in_layers * (1 + s / (6 * h) + v / (12 * h * layers))));
  CHECK(hardware_flops(model, 3, Recompute::none) == model_flops(model, 3));
  CHECK(hardware_flops(model, 3, Recompute::full) ==
        near(96 * in_layers * (1 + s / (6 * h) + v / (16 * h * layers))));
  CHECK(hardware_flops(model, 3, Recompute::selective) ==
        near(72 * in_layers * (1 + 2 * s / (9 * h) + v / (12 * h * layers))));
  CHECK(hfu_published_eq8(model, 3) ==
        near(72 * in_layers * (1 + s / (3 * h) + v / (12 * h * layers))));
}

TEST_CASE("counting: MFU and HFU of Korthikanti et al., table 5") {
  struct Row {
    ModelShape model;
    int64_t batch;
    double seconds;
    int gpus;
    double mfu, hfu, right_hfu;  // percent; the last one by the right formula
  };
  for (const auto& [model, batch, seconds, gpus, mfu, hfu, right_hfu] :
       {Row{gpt(64, 6144, 48), 4, 1.10, 8, 41.5, 43.7, 42.2},
        Row{gpt(128, 20480, 105), 280, 37.83, 280, 56.0, 57.0, 56.3},
        Row{gpt(160, 25600, 128), 512, 71.49, 512, 56.3, 57.0, 56.5}}) {
    CHECK(std::abs(utilization(model_flops(model, batch), seconds, gpus) - mfu) < 0.3);
    CHECK(std::abs(utilization(hfu_published_eq8(model, batch), seconds, gpus) - hfu) < 0.3);
    // by the published MFU, as times are rounded
    const double of_model = model_flops(model, batch);
    CHECK(std::abs(mfu * hfu_published_eq8(model, batch) / of_model - hfu) < 0.15);
    CHECK(std::abs(mfu * hardware_flops(model, batch, Recompute::selective) / of_model -
                   right_hfu) < 0.05);
  }
}

TEST_CASE(
    "counting: TFLOP/s of September 2020 are of all that is computed, with full recomputation") {
  struct Row {
    ModelShape model;
    int64_t batch;
    double seconds;
    int gpus;
    double teraflops;
  };
  for (const auto& [model, batch, seconds, gpus, teraflops] :
       {Row{gpt(15, 1920, 24, 1024), 8, 1.121, 1, 71.9},
        {gpt(18, 2304, 30, 1024), 8, 1.093, 2, 64.2},
        Row{gpt(32, 4096, 42, 1024), 8, 1.407, 8, 52.2},
        {gpt(15, 1920, 24, 1024), 16, 1.076, 1, 149.8},
        {gpt(32, 4096, 42, 1024), 2048, 1.380, 1024, 106.5}}) {
    const double computed = hardware_flops(model, batch, Recompute::full) / (seconds * gpus * 1e12);
    CHECK(std::abs(computed - teraflops) < 0.2);
  }
}
