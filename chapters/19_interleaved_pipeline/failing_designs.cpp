#include "chapters/19_interleaved_pipeline/failing_designs.h"

#include <set>

#include "chapters/18_pipeline/replay.h"
#include "chapters/19_interleaved_pipeline/interleaved.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "common/check/reference.h"

namespace shard::chapter_19 {
namespace {

bool is_block_matrix(const Parameter& parameter) {
  return parameter.is_matrix() && parameter.name.starts_with("h.");
}

/// Part c·p + j gets the layers of part j·v + c.
std::vector<GptStage> stage_after_stage(const std::vector<GptStage>& parts, int stages,
                                        int chunks) {
  std::vector<GptStage> mixed(parts.size());
  for (int j = 0; j < stages; ++j) {
    for (int c = 0; c < chunks; ++c)
      mixed[static_cast<size_t>(c * stages + j)] = parts[static_cast<size_t>(j * chunks + c)];
  }
  return mixed;
}

/// The blocks of a whole model in the order in which these parts have them.
void permute(Gpt& model, const std::vector<GptStage>& parts) {
  auto blocks = std::move(model.blocks);
  model.blocks.clear();
  for (const GptStage& part : parts) {
    for (int64_t layer = part.layers.begin; layer < part.layers.end; ++layer)
      model.blocks.push_back(std::move(blocks[static_cast<size_t>(layer)]));
  }
}

/// Leaves the weights' gradients of the last micro-batches in the queue, and yet tells whoever
/// reduces them that they are complete.
class LosesWeights : public SplitBackward {
 public:
  LosesWeights(Communicator& dp, PipelinedModel& model, const TrainingSettings& settings,
               const Schedule& schedule, int64_t lost)
      : SplitBackward(dp, model, settings, schedule), lost_(lost) {
    for (Parameter* parameter : model.parameters())
      listeners_.push_back(
          parameter->on_gradient_ready([this, parameter] { not_ready_.erase(parameter); }));
  }

 protected:
  Tensor execute(const Step& step, const Tensor& input) override {
    if (step.pass == Pass::input_gradient) {
      const Parameters all = model_.parameters();
      not_ready_ = {all.begin(), all.end()};
    }
    if (step.pass != Pass::weight_gradient || step.micro_batch < settings_.accumulate - lost_)
      return SplitBackward::execute(step, input);
    if (step.micro_batch + 1 < settings_.accumulate) return {};
    const std::set<const Parameter*> in_queue = not_ready_;
    for (const Parameter* parameter : model_.parameters())
      if (in_queue.contains(parameter)) parameter->gradient_is_ready();
    return {};
  }

 private:
  int64_t lost_;
  std::vector<Listener> listeners_;
  std::set<const Parameter*> not_ready_;
};

/// The error of a stage's gradients of its blocks' matrices, for every stage, and the norm of all.
struct Lost {
  std::vector<double> errors;
  double norm = 0;
};
/// lost(stage): of how many micro-batches.
Lost without_weights(Runtime& runtime, const Settings& s, Reference& right,
                     const std::function<int64_t(int64_t stage)>& lost) {
  const int stages = static_cast<int>(s.pp);
  Trial trial(runtime.world(), s, named_schedule("zb-h1", stages, s.training.accumulate, 1),
              cut_into_parts(s.sizes.layers, stages, end_costs(s.sizes)),
              [&](Communicator& dp, PipelinedModel& model, const TrainingSettings& settings,
                  const Schedule& schedule) {
                return std::make_unique<LosesWeights>(dp, model, settings, schedule,
                                                      lost(model.stages().rank()));
              });
  Lost found{.errors = {}, .norm = trial.step(0).gradient_norm};
  double error = 0;
  for (const Parameter* parameter : trial.model->parameters()) {
    if (is_block_matrix(*parameter))
      error = reference::larger(
          error, reference::relative_error(parameter->gradient,
                                           right.parameter(parameter->name).gradient));
  }
  for (int stage = 0; stage < stages; ++stage)
    found.errors.push_back(runtime.world().max_of(trial.stage() == stage ? error : 0.0));
  return found;
}

}  // namespace

void show_chunk_order(Runtime& runtime, Report& report, const Settings& s) {
  report.heading("Failing design: chunk c of stage j has the layers of part j·v + c, not c·p + j");
  const int stages = static_cast<int>(s.pp), chunks = static_cast<int>(s.chunks);
  const auto parts = cut_into_parts(s.sizes.layers, stages * chunks, end_costs(s.sizes));
  const auto mixed = stage_after_stage(parts, stages, chunks);
  Trial got(runtime.world(), s,
            named_schedule("interleaved", stages, s.training.accumulate, chunks), mixed,
            chapter_18::passes<SplitBackward>());
  Reference right(runtime.world(), s, got.stage()), permuted(runtime.world(), s, got.stage());
  permute(permuted.model, mixed);
  const double loss = got.gradients(0), right_loss = right.gradients(0),
               permuted_loss = permuted.gradients(0);
  std::string order;
  for (const auto& block : permuted.model.blocks) order += " " + block->name;
  report.line("  the model's blocks in their order:" + order);
  report.line(text("  loss ", fixed(loss, 6), ", right ", fixed(right_loss, 6)));
  const double off = chapter_18::gradients_error(got, right);
  report.check("the gradients are not the model's", runtime.world().max_of(off) > 1e-2);
  report.check("they are those of the unsplit model with its layers permuted",
               chapter_18::gradients_error(got, permuted), 1e-6);
  report.check("and the loss is that model's", reference::relative_error(loss, permuted_loss),
               1e-5);
}

void show_lost_weights(Runtime& runtime, Report& report, const Settings& s) {
  report.heading("Failing designs: ZB-H1 with weights' gradients that stay in the queue");
  Reference right(runtime.world(), s, trial_of(runtime, s, "zb-h1").stage());
  const double right_norm = right.step(0).gradient_norm;
  const Lost all =
                 without_weights(runtime, s, right, [&](int64_t) { return s.training.accumulate; }),
             rest = without_weights(runtime, s, right,
                                    [&](int64_t j) { return std::min(j, s.training.accumulate); });
  Table table({"stage", "error: none is added", "error: what is left at the end is forgotten"});
  for (size_t j = 0; j < all.errors.size(); ++j)
    table.row({text(j), scientific(all.errors[j]), scientific(rest.errors[j])});
  report.table(table);
  report.line(text("  gradient norm ", fixed(all.norm, 6), " and ", fixed(rest.norm, 6), ", right ",
                   fixed(right_norm, 6), "; losses are right"));
  report.check("none is added: every block's matrices have gradients of 0",
               std::abs(std::ranges::max(all.errors) - 1) < 1e-6);
  report.check("the rest forgotten: stage 0 is right, as it has none", rest.errors.front(), 1e-6);
  report.check("and stages after it are wrong", std::ranges::max(rest.errors) > 1e-2);
  report.check("the norms are not the model's",
               std::abs(rest.norm - right_norm) > 1e-3 * right_norm);
}

void show_standstills(Report& report) {
  report.heading("Failing designs: lists for which a stage waits forever");
  const auto message_of = [](const Schedule& schedule) -> std::string {
    try {
      replay(schedule, StepCosts::units());
    } catch (const Error& error) {
      return error.what();
    }
    return "comes to its end";
  };
  Schedule short_warm_up, small_group, weights_first = schedule_of(zero_bubble_h1, 2, 2);
  std::swap(weights_first[1][1], weights_first[1][4]);  // I0 and W0
  const InterleavedOrder order(2, 4, 2), with_rest(4, 3, {{0, 4}, {4, 8}, {8, 9}});
  for (int stage = 0; stage < 2; ++stage)
    short_warm_up.push_back(interleaved(order, order.warm_up(stage) - 1));
  for (int stage = 0; stage < 4; ++stage)
    small_group.push_back(interleaved(with_rest, with_rest.warm_up(stage)));
  bool all_stand = true;
  const auto show = [&](const std::string& name, const Schedule& schedule) {
    const std::string message = message_of(schedule);
    report.line("  " + name);
    for (size_t begin = 0; begin < message.size();) {
      const size_t end = std::min(message.find("; ", begin), message.size());
      report.line("    " + message.substr(begin, end - begin));
      begin = end + 2;
    }
    all_stand &= message.find("standstill") != std::string::npos;
  };
  show("a warm-up that is one too short on every stage, p = 2, m = 4, v = 2", short_warm_up);
  show("groups of 4, 4 and 1, p = 4, m = 9, v = 3", small_group);
  show("weights' gradients before the input's, p = 2, m = 2", weights_first);
  report.check("they come to a standstill", all_stand);
}

}  // namespace shard::chapter_19
