#include "exercises/10_tensor_and_data_parallel/3_training_step.h"

#include <map>
#include <memory>
#include <numeric>

#include "common/base/folders.h"
#include "common/base/formulas.h"
#include "common/storage/safetensors.h"
#include "tests/exercises/10_tensor_and_data_parallel/step_mistakes.h"
#include "tests/exercises/10_tensor_and_data_parallel/step_run.h"

namespace shard {

template class BasicGpt<OwnTokensBlock>;

namespace {

constexpr double tolerance = 1e-4;  // of losses and norms
bool near(double got, double expected) { return std::abs(got / expected - 1) <= tolerance; }

/// The diagnosis of a number: that of the first wrong one that it is.
std::string diagnosed(const std::string& name, double got, double expected,
                      const std::vector<WrongNumber>& known) {
  for (const auto& [diagnosis, number] : known) {
    if (near(got, number)) return text("your ", name, " is ", diagnosis);
  }
  return text("your ", name, " is ", got, ", expected ", expected);
}

std::string diagnosed(const std::string& name, const Numbers& got, const Numbers& right,
                      double norm, const std::vector<WrongNumbers>& known,
                      const Parameters& parameters) {
  if (dot(got, got) == 0 && norm == 0)
    return text(
        "your gradients", name,
        " are 0, and so is their norm: is a factor of them 1 / n in whole numbers, which is 0, "
        "or were they set to 0 after the passes?");
  if (dot(got, got) == 0)
    return text("your step", name,
                " leaves moments.first at 0: adamw changes the moments that it is given, and they "
                "must be those that are kept until the next step");
  for (const auto& [diagnosis, numbers] : known) {
    if (alike(got, numbers)) return text("your gradients", name, " are ", diagnosis);
  }
  const double factor = dot(got, right) / dot(right, right);
  if (alike(got, times(right, factor)))
    return text("your gradients", name, " are ", factor, " times the right ones");
  std::string wrong;
  int count = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!alike({got[i]}, {right[i]}) && ++count == 1) wrong = parameters[i]->name;
  }
  return text("your gradients", name, " are wrong for ", count, " of ", got.size(),
              " parameters, of which the first is ", wrong);
}

/// Collective: whether `diagnosis` is empty on every rank; it is made only where it is needed.
template <class Diagnosis>
bool expect(Examiner& examiner, const std::string& name, bool holds, const Diagnosis& diagnosis) {
  const bool everywhere = examiner.max_of(holds ? 0 : 1) == 0;
  std::string sentence;
  if (!everywhere) sentence = diagnosis();  // collective
  examiner.expect(name, holds, sentence);
  return everywhere;
}

// ---- Communication ------------------------------------------------------------------------------

/// Bytes sent on this rank by the ring, for `elements` floats that are reduced once.
double once(const Communicator& group, int64_t elements) {
  const auto ranks = static_cast<double>(group.size());
  return 2 * (ranks - 1) / ranks * 4 * static_cast<double>(elements);
}

void expect_communication(Examiner& examiner, Grid& grid, const Run& run, const Ledger& since,
                          const Ledger& of_passes) {
  int64_t all = 0, partial = 0;
  for (const Parameter* parameter : run.parameters) {
    all += parameter->gradient.elements();
    if (parameter->is_partial_over("tp")) partial += parameter->gradient.elements();
  }
  std::map<std::string, double> sent;  // by group, besides the passes
  double in_all = 0;
  std::string wrong;
  for (const LedgerRow& row : since.rows()) {
    int64_t calls = row.calls;
    double bytes = static_cast<double>(row.sent);
    for (const LedgerRow& pass : of_passes.rows()) {
      if (pass.op != row.op || pass.group != row.group) continue;
      calls -= pass.calls;
      bytes -= static_cast<double>(pass.sent);
    }
    if (row.op != Collective::all_reduce && calls != 0 && wrong.empty())
      wrong =
          text("your communication", run.layout, " differs from the task: ", calls, " calls of ",
               to_string(row.op), " on ", row.group, " besides those of the passes");
    sent[row.group] += bytes;
    in_all += bytes;
  }
  const double dp = once(grid.dp(), all + 1), tp = once(grid.tp(), partial + 1), slack = 1024;
  const auto too_much = [&](const std::string& group, double bytes, double enough,
                            const std::string& advice) {
    if (wrong.empty() && bytes > enough + slack)
      wrong = text("your communication", run.layout, " differs from the task: ", bytes,
                   " bytes are sent over ", group, ", besides those of the passes, where ", enough,
                   " are enough: ", advice);
  };
  too_much("dp", sent["dp"], dp, "each gradient is reduced once a step, after its last pass");
  too_much("tp", sent["tp"], tp,
           "only gradients that are partial over tp lack something there, once a step");
  too_much("all groups", in_all, dp + tp, "each gradient is reduced once a step");
  if (const std::string host = examiner.about_host_numbers(); wrong.empty() && !host.empty())
    wrong = text("your communication", run.layout, " differs from the task: ", host,
                 ". (The constructor of PartialGradients is one, too)");
  examiner.expect("communication" + run.layout, wrong.empty(), wrong);
}

// ---- The update ---------------------------------------------------------------------------------

/// Whether the weights agree within a fiftieth of a step, where the gradient is more than noise:
/// AdamW divides noise by its own size.
bool weights_agree(const Numbers& got, const Numbers& expected, const Numbers& second,
                   double learning_rate) {
  for (size_t i = 0; i < got.size(); ++i) {
    const double largest = std::ranges::max(second[i]);
    double squares = 0, count = 0;
    for (size_t j = 0; j < got[i].size(); ++j) {
      if (second[i][j] < 1e-6 * largest) continue;
      squares += (got[i][j] - expected[i][j]) * (got[i][j] - expected[i][j]);
      ++count;
    }
    if (!(std::sqrt(squares / count) <= 0.02 * learning_rate)) return false;
  }
  return true;
}

/// This rank's weights after the step, with `hyper`, whose decay is also that of vectors if `all`.
Numbers updated(const StepCase& of, const RightStep& right, double factor, AdamW hyper, bool all,
                const Parameters& parameters) {
  Numbers weights = right.weights;
  hyper.weight_decay = static_cast<float>(of.settings.weight_decay);
  const auto correction = [&](float beta) {
    return static_cast<float>(1 - std::pow(beta, hyper.step));
  };
  for (size_t i = 0; i < weights.size(); ++i) {
    AdamW one = hyper;
    if (!all && !parameters[i]->is_matrix()) one.weight_decay = 0;
    for (size_t j = 0; j < weights[i].size(); ++j) {
      auto w = static_cast<float>(weights[i][j]), m = static_cast<float>(right.first[i][j]),
           v = static_cast<float>(right.second[i][j]);
      adamw_update(w, m, v, static_cast<float>(factor * right.gradients[i][j]), one,
                   correction(hyper.beta1), correction(hyper.beta2));
      weights[i][j] = w;
    }
  }
  return part_of(weights, parameters);
}

void expect_weights(Examiner& examiner, const StepCase& of, const Run& run, const RightStep& right,
                    int64_t step, const std::string& name) {
  const TrainingSettings& s = of.settings;
  const Numbers got = run.weights(), second = part_of(right.new_second, run.parameters);
  const auto agrees = [&](const Numbers& weights) {
    return weights_agree(got, weights, second, s.learning_rate);
  };
  const std::string when = text(run.layout, step == 0 ? "" : text(" after step ", step));
  expect(examiner, name, agrees(part_of(right.new_weights, run.parameters)), [&] {
    const double factor = s.clip > 0 ? std::min(1.0, s.clip / right.norm) : 1;
    const AdamW usual{static_cast<float>(s.learning_rate),
                      static_cast<float>(s.beta1),
                      static_cast<float>(s.beta2),
                      static_cast<float>(s.epsilon),
                      0,
                      step + 1};
    const auto with = [&](auto change, bool all = false) {
      AdamW hyper = usual;
      change(hyper);
      return agrees(updated(of, right, factor, hyper, all, run.parameters));
    };
    const std::string yours = "your weights" + when + " are ";
    StepCase no_decay = of;
    no_decay.settings.weight_decay = 0;
    for (const auto& values : got) {
      if (!std::isfinite(std::accumulate(values.begin(), values.end(), 0.0)))
        return yours +
               "not finite: AdamW counts steps from 1, training_step from 0; with step 0, the "
               "bias correction 1 - beta⁰ is 0";
    }
    if (agrees(part_of(right.weights, run.parameters))) return yours + "those before the step";
    if (with([](AdamW&) {}, true))
      return yours + "decayed where they should not: weight_decay is for matrices only";
    if (agrees(updated(no_decay, right, factor, usual, false, run.parameters)))
      return yours + "right but for the weight decay of matrices, which is missing";
    if (with([](AdamW& h) { h.step = 1; }))
      return yours +
             "those with the bias correction of the first step in every step: AdamW's "
             "step is step + 1";
    if (with([](AdamW& h) { --h.step; }) || with([](AdamW& h) { ++h.step; }))
      return yours +
             "those with the bias correction of another step: AdamW counts from 1, "
             "training_step from 0, so its step is step + 1";
    return yours + "wrong, though the moments are right: learning rate, epsilon, step number?";
  });
}

// ---- One layout ---------------------------------------------------------------------------------

/// The first step, without clipping: losses, gradients, norm, communication and weights.
void expect_first_step(Examiner& examiner, Grid& grid, const StepCase& of, const RightStep& right) {
  const Passes passes(examiner, grid, of);
  Run run(examiner, grid, of);
  const Numbers before = run.gradients();
  const Ledger ledger = examiner.ledger();
  examiner.about_host_numbers();
  const StepResult got = run.take(0);
  const Ledger since = examiner.ledger().since(ledger);

  const StepMistakes mistakes(grid, of, passes, run.parameters);
  expect(examiner, "loss" + run.layout, near(got.loss, right.loss),
         [&] { return diagnosed("loss" + run.layout, got.loss, right.loss, mistakes.losses()); });
  // (1 - beta1) × the gradient, wherever the answer has it
  const Numbers gradients = times(Run::numbers(run.moments.first), 1 / (1 - of.settings.beta1));
  const Numbers wanted = part_of(right.gradients, run.parameters);
  const bool right_gradients =
      expect(examiner, "gradients" + run.layout, alike(gradients, wanted), [&] {
        return diagnosed(run.layout, gradients, wanted, got.gradient_norm,
                         mistakes.gradients(before), run.parameters);
      });
  if (!right_gradients) return;
  const bool right_norm =
      expect(examiner, "gradient norm" + run.layout, near(got.gradient_norm, right.norm), [&] {
        return diagnosed("gradient norm" + run.layout, got.gradient_norm, right.norm,
                         mistakes.norms(wanted));
      });
  expect_communication(examiner, grid, run, since, passes.communicated);
  if (right_norm) expect_weights(examiner, of, run, right, 0, "weights" + run.layout);
}

/// What the answer has made of the gradients' length, of a step whose right one is known.
std::string about_clipping(const Numbers& got, const Numbers& right, const Numbers& started_anew,
                           double norm, int64_t step, const Run& run,
                           const StepMistakes& mistakes) {
  const std::string when = text(run.layout, " in step ", step);
  if (step > 0 && alike(started_anew, right))
    return text("your first moments", when, " began with 0 again: `moments` keeps them");
  const double factor = dot(got, right) / dot(right, right);
  if (alike(got, times(right, factor))) {
    for (const auto& [diagnosis, number] : mistakes.factors(right, norm)) {
      if (std::abs(factor / number - 1) < 2e-3)
        return text("your gradients", when, " are ", diagnosis);
    }
    return text("your gradients", when, " are ", factor, " times those before clipping");
  }
  for (const bool counted : {false, true}) {
    if (step == 0 && alike(got, mistakes.clipped_before_reduction(counted)))
      return text("your gradients", when,
                  " were clipped before they were reduced, each rank's by its own norm");
  }
  return text("your gradients", when,
              " are wrong, though those of the first step without clipping "
              "were right");
}

/// Some steps in a row.
void expect_training(Examiner& examiner, Grid& grid, const StepCase& of,
                     const std::vector<RightStep>& all_right, const std::string& name) {
  const Passes passes(examiner, grid, of);
  Run run(examiner, grid, of);
  const StepMistakes mistakes(grid, of, passes, run.parameters);
  for (int64_t step = 0; step < std::ssize(all_right); ++step) {
    const RightStep& right = all_right[static_cast<size_t>(step)];
    const StepResult got = run.take(step);
    const double b1 = of.settings.beta1, b2 = of.settings.beta2,
                 factor = std::min(1.0, of.settings.clip / right.norm);
    const Numbers gradients = part_of(right.gradients, run.parameters),
                  first = Run::numbers(run.moments.first),
                  second = Run::numbers(run.moments.second),
                  earlier = part_of(right.first, run.parameters);
    const Numbers clipped = combined(first, 1 / (1 - b1), earlier, -b1 / (1 - b1));
    expect(examiner, "", alike(first, part_of(right.new_first, run.parameters)), [&] {
      return about_clipping(clipped, gradients, times(first, 1 / (1 - b1) / factor), right.norm,
                            step, run, mistakes);
    });
    expect(examiner, "", alike(second, part_of(right.new_second, run.parameters)), [&] {
      return text("your second moments", run.layout, " in step ", step, " are wrong",
                  alike(second,
                        times(part_of(right.new_second, run.parameters), (1 - b1) / (1 - b2)))
                      ? ": beta1 in the place of beta2"
                      : "");
    });
    const std::string when = text(run.layout, " in step ", step);
    expect(examiner, "", near(got.loss, right.loss),
           [&] { return diagnosed("loss" + when, got.loss, right.loss, {}); });
    expect(examiner, "", near(got.gradient_norm, right.norm), [&] {
      return diagnosed("gradient norm" + when, got.gradient_norm, right.norm,
                       {{"that after clipping: it is wanted before", factor * right.norm}});
    });
    if (!examiner.verdict()) return;
    const bool last = step + 1 == std::ssize(all_right);
    expect_weights(examiner, of, run, right, step, last ? name + run.layout : "");
    if (!examiner.verdict()) return;
  }
}

// ---- PyTorch's numbers --------------------------------------------------------------------------

/// The first steps of tests/golden: losses and norms of PyTorch in float64.
void expect_golden(Examiner& examiner, Grid& grid) {
  const SafetensorsReader file(source_folder() + "/tests/golden/gpt2_tiny.safetensors");
  const auto real = [&](const char* name) { return std::stod(file.metadata().at(name)); };
  const auto whole = [&](const char* name) { return std::stoll(file.metadata().at(name)); };
  StepCase of(examiner);
  of.sizes = {whole("vocab"), whole("context"), whole("width"), whole("heads"), whole("layers")};
  of.settings.batch = whole("batch");
  of.settings.accumulate = 1;
  of.settings.learning_rate = real("learning_rate");
  of.settings.beta1 = real("beta1");
  of.settings.beta2 = real("beta2");
  of.settings.epsilon = real("epsilon");
  of.settings.weight_decay = real("weight_decay");
  of.settings.clip = real("gradient_clip");
  of.tokens = file.integers("tokens");
  of.targets = file.integers("targets");
  Run run(examiner, grid, of);
  for (Parameter* parameter : run.parameters)
    parameter->assign_whole(file.floats("initial." + parameter->name));
  const std::vector<float> losses = file.floats("losses"), norms = file.floats("gradient_norms");
  for (int64_t step = 0; step < 2; ++step) {
    const StepResult got = run.take(step);
    const auto i = static_cast<size_t>(step);
    const bool holds = std::abs(got.loss - static_cast<double>(losses[i])) <= 1e-4 &&
                       std::abs(got.gradient_norm - static_cast<double>(norms[i])) <= 1e-4;
    examiner.expect(step == 0 ? "" : "2 steps of PyTorch's golden file" + run.layout, holds,
                    text("step ", step, run.layout, " of PyTorch's golden file: loss ", losses[i],
                         " and norm ", norms[i], "; yours ", got.loss, " and ", got.gradient_norm));
  }
}

}  // namespace

void examine(Examiner& examiner) {
  StepCase of(examiner);
  const RightStep first = right_steps(examiner, of, 1)[0];
  const int ranks = examiner.world().size();
  std::vector<std::unique_ptr<Grid>> grids;
  for (int tp = ranks; tp >= 1; --tp) {
    if (ranks % tp == 0)
      grids.push_back(
          std::make_unique<Grid>(examiner.world(), AxisSizes{{"tp", tp}, {"dp", ranks / tp}}));
  }
  const auto attempt = [&](Grid& grid, const std::string& name, const auto& check) {
    examiner.attempt(text(name, ", tp ", grid.tp().size(), " × dp ", grid.dp().size()),
                     [&] { check(grid); });
    return examiner.verdict();
  };
  for (const auto& grid : grids) {
    if (!attempt(*grid, "the first step",
                 [&](Grid& on) { expect_first_step(examiner, on, of, first); }))
      return;
  }
  of.settings.clip = 0.6 * first.norm;
  const std::vector<RightStep> steps = right_steps(examiner, of, 2);
  const auto train = [&](Grid& grid, const std::vector<RightStep>& right, const std::string& name) {
    return attempt(grid, name, [&](Grid& on) { expect_training(examiner, on, of, right, name); });
  };
  for (const auto& grid : grids) {
    if (!train(*grid, steps, "2 steps with clipping")) return;
  }
  of.settings.clip = 3 * first.norm;  // not reached
  const std::vector<RightStep> unclipped = right_steps(examiner, of, 1);
  if (!train(*grids[0], unclipped, "a gradient within the limit")) return;
  for (const auto& grid : grids)
    attempt(*grid, "PyTorch's golden file", [&](Grid& on) { expect_golden(examiner, on); });
}

}  // namespace shard
