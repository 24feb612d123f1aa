#include "chapters/08_vocab_parallel/loss_checks.h"

#include <cmath>

#include "common/check/calls.h"
#include "common/check/finite_differences.h"

namespace shard::chapter_08 {

using namespace reference;

namespace {

/// Logits [tokens × vocabulary] with what the loss makes of them on this rank.
struct LossPass {
  const Matrix& logits;
  const Tensor &targets, &losses, &dlogits;
  float factor;  // of the gradient
};

/// Garbage in the padding columns must be overwritten, not multiplied by 0: 0 · NaN is NaN.
void check_padding(Report& report, Trial& trial, VocabParallelCrossEntropy& split,
                   const LossPass& pass) {
  double difference = 0, in_padding = 0;
  VocabParallelCrossEntropy::Kept kept;
  for (const float garbage : {1e30f, -1e30f, NAN}) {
    const Tensor same = split.forward(trial.cut(pass.logits, garbage), pass.targets, kept);
    difference = larger(difference, relative_error(same, pass.losses));
    const Matrix gradient(split.backward(pass.factor, kept)),
        is_padding(trial.cut(Matrix(pass.logits.rows, pass.logits.columns), 1));
    difference = larger(difference,
                        relative_error(to_tensor(trial.runtime.backend(), gradient), pass.dlogits));
    for (size_t i = 0; i < gradient.values.size(); ++i) {
      in_padding = larger(in_padding, std::abs(gradient.values[i] * is_padding.values[i]));
    }
  }
  report.check("with 1e30, -1e30 or NaN in the padding columns: the same losses and gradients",
               difference, 0);
  report.check("the gradient of padding columns is 0", in_padding, 0);
}

}  // namespace

void check_loss(Report& report, Trial& trial) {
  report.heading("The loss from sharded logits");
  const auto [vocabulary, width, tokens] = trial.sizes;
  const float factor = 1.0f / static_cast<float>(tokens);
  const Matrix logits = trial.random_logits(vocabulary);
  const std::vector<int32_t> words = trial.words("targets", vocabulary);
  const Tensor targets = trial.on_device(words);
  VocabParallelCrossEntropy split(trial.world, vocabulary), unsplit(*trial.alone, vocabulary);
  const Ledger before = trial.runtime.ledger();
  VocabParallelCrossEntropy::Kept kept, kept_unsplit;
  const Tensor losses = split.forward(trial.cut(logits), targets, kept);
  const Tensor dlogits = split.backward(factor, kept);
  const Ledger ledger = trial.runtime.ledger().since(before);
  unsplit.forward(to_tensor(trial.runtime.backend(), logits), targets, kept_unsplit);
  const Tensor dlogits_unsplit = unsplit.backward(factor, kept_unsplit);

  report.ledger(ledger);
  check_calls(report, "forward: three all-reduces of [tokens]; backward: none", ledger,
              {{.op = Collective::all_reduce_max, .calls = 1, .bytes = losses.bytes()},
               {.op = Collective::all_reduce, .calls = 2, .bytes = 2 * losses.bytes()}});
  report.check("losses against double precision",
               relative_error(losses, cross_entropy(logits, words)), 1e-5);
  report.check("d logits against double precision",
               relative_error(dlogits, trial.cut(mean_loss_gradient(logits, words))), 1e-5);
  check_finite_differences(
      report, [&](const Points& points) { return mean_loss(points[0], words); },
      {{.name = "d logits", .point = logits, .gradient = dlogits_unsplit}}, trial.samples, 1e-4,
      32);
  check_padding(report, trial, split,
                {.logits = logits,
                 .targets = targets,
                 .losses = losses,
                 .dlogits = dlogits,
                 .factor = factor});
}

void show_stability(Report& report, Trial& trial) {
  report.heading(
      "Why the maximum comes first: the first token's loss, with a number added to every logit");
  const int64_t vocabulary = trial.sizes.vocabulary;
  const std::vector<int32_t> words = trial.words("targets", vocabulary);
  VocabParallelCrossEntropy split(trial.world, vocabulary);
  Table table({"added", "log Σ exp(logit) - logit, f32", "maximum first, f32", "double precision"});
  double error = 0;
  for (const float added : {0.0f, 1000.0f, -1000.0f}) {
    Matrix logits = trial.random_logits(vocabulary);
    float sum = 0;
    for (double& logit : logits.values) logit = static_cast<float>(logit) + added;
    for (int64_t j = 0; j < vocabulary; ++j) sum += std::exp(static_cast<float>(logits(0, j)));
    const float naive = std::log(sum) - static_cast<float>(logits(0, words[0]));
    const Matrix expected = cross_entropy(logits, words);
    VocabParallelCrossEntropy::Kept kept;
    const Tensor losses = split.forward(trial.cut(logits), trial.on_device(words), kept);
    error = larger(error, relative_error(losses, expected));
    table.row({fixed(added, 0), fixed(naive, 5), fixed(losses.to_host()[0], 5),
               fixed(expected(0, 0), 5)});
  }
  report.table(table);
  report.check("all losses against double precision", error, 1e-5);
}

}  // namespace shard::chapter_08
