#include "chapters/18_pipeline/failing_designs.h"

#include <cmath>

#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_18 {
namespace {

/// The loss is each micro-batch's mean, and nothing divides by their number (reported as
/// deepspeedai/DeepSpeed#7773).
class NotDivided : public Pipeline {
 public:
  using Pipeline::Pipeline;

 protected:
  Tensor execute(const Step& step, const Tensor& input) override {
    factor_ = static_cast<float>(settings_.accumulate) / static_cast<float>(tokens_per_step());
    return Pipeline::execute(step, input);
  }
};

/// Every stage divides what it differentiates by m, as in deepspeedai/DeepSpeed#8152.
class DividedOnEachStage : public Pipeline {
 public:
  using Pipeline::Pipeline;

 protected:
  Tensor execute(const Step& step, const Tensor& input) override {
    if (step.pass == Pass::backward && input) {
      Tensor gradient = input;
      scale(gradient, 1.0f / static_cast<float>(settings_.accumulate));
    }
    return Pipeline::execute(step, input);
  }
};

/// Every micro-batch begins with gradients of 0 (NVIDIA-NeMo/Automodel#3530).
class LastMicroBatchOnly : public Pipeline {
 public:
  using Pipeline::Pipeline;

 protected:
  Tensor execute(const Step& step, const Tensor& input) override {
    if (step.pass == Pass::backward) zero_gradients(model_.parameters());
    return Pipeline::execute(step, input);
  }
};

constexpr double nothing = -1;  // the ratio of a stage without parameters

/// ‖got‖ / ‖want‖ over the gradients of this rank that only one stage has.
double ratio_of_norms(Trial& got, Reference& expected) {
  double squares = 0, wanted = 0;
  for (const Parameter* parameter : got.model->parameters()) {
    if (parameter->is_partial_over("pp")) continue;
    const auto add = [](double& sum, const Tensor& gradient) {
      for (const float g : gradient.to_host())
        sum += static_cast<double>(g) * static_cast<double>(g);
    };
    add(squares, parameter->gradient);
    add(wanted, expected.parameter(parameter->name).gradient);
  }
  return wanted == 0 ? nothing : std::sqrt(squares / wanted);
}

struct Found {
  std::vector<double> ratios;  // by stage
  double loss = 0, error = 0;  // of the whole gradient, on this rank
};

Found tried(Runtime& runtime, const Settings& settings, const MakePasses& make,
            Reference& expected) {
  Trial trial(runtime.world(), settings, one_forward_one_backward, make);
  Found found;
  found.loss = trial.gradients(0);
  found.error = gradients_error(trial, expected);
  const double mine = ratio_of_norms(trial, expected);
  for (int stage = 0; stage < settings.pp; ++stage)
    found.ratios.push_back(runtime.world().max_of(trial.stage() == stage ? mine : nothing));
  return found;
}

}  // namespace

void show_failing_designs(Runtime& runtime, Report& report, const Settings& given) {
  Settings s = given;  // micro-batches of one size, so that a factor is exact
  s.training.batch = s.training.accumulate * s.dp;
  s.training.dropout = 0;
  const int stage = runtime.world().rank() / static_cast<int>(s.tp) % static_cast<int>(s.pp);
  Reference expected(runtime.world(), s, stage);
  const double loss = expected.gradients(0);
  report.heading(text("Gradients of failing designs: their norm on each stage, right = 1, m = ",
                      s.training.accumulate));
  std::vector<std::string> heading{""};
  for (int64_t j = 0; j < s.pp; ++j) heading.push_back(text("stage ", j));
  heading.push_back("loss");
  Table table(heading);
  const auto row = [&](const std::string& name, const MakePasses& make) {
    const Found found = tried(runtime, s, make, expected);
    std::vector<std::string> cells{name};
    for (const double ratio : found.ratios)
      cells.push_back(ratio == nothing ? "" : fixed(ratio, 5));
    cells.push_back(fixed(found.loss, 6));
    table.row(cells);
    return found;
  };
  const auto m = static_cast<double>(s.training.accumulate);
  const Found right = row("once, by the batch's tokens", passes());
  const Found not_divided = row("loss not divided by m", passes<NotDivided>());
  const Found on_each = row("divided on each stage", passes<DividedOnEachStage>());
  const Found last_only = row("last micro-batch only", passes<LastMicroBatchOnly>());
  report.table(table);
  double worst_m = 0, worst_power = 0, loss_error = 0;
  for (size_t j = 0; j < right.ratios.size(); ++j) {
    if (right.ratios[j] == nothing) continue;
    const double power = std::pow(m, -static_cast<double>(right.ratios.size() - 1 - j));
    worst_m = reference::larger(worst_m, reference::relative_error(not_divided.ratios[j], m));
    worst_power =
        reference::larger(worst_power, reference::relative_error(on_each.ratios[j], power));
  }
  for (const Found* found : {&right, &not_divided, &on_each, &last_only})
    loss_error = reference::larger(loss_error, reference::relative_error(found->loss, loss));
  report.check("once: the gradients are right", right.error, 1e-4);
  report.check("not divided: m times the gradient", worst_m, 1e-4);
  report.check("divided on each stage: stage j has m^-(p-1-j) of it", worst_power, 1e-4);
  if (s.training.accumulate > 1)
    report.check("last micro-batch only: wrong by more than a tenth",
                 runtime.world().max_of(last_only.error) > 0.1);
  report.check("the loss is right in all of them", loss_error, 1e-5);
}

}  // namespace shard::chapter_18
