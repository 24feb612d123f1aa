// Chapter 08: the vocabulary cut over the ranks, at both ends of a GPT: the embedding, and the loss
// from logits that no rank has in full.
#include <cmath>

#include "chapters/08_vocab_parallel/gathered_loss.h"
#include "chapters/08_vocab_parallel/picture.h"
#include "chapters/08_vocab_parallel/tied_model.h"
#include "chapters/08_vocab_parallel/trial.h"
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/check/compare.h"

using namespace shard;
using namespace shard::reference;

void show_parts(Report& report, const Trial& trial) {
  const int ranks = trial.world.size();
  report.heading(text("A vocabulary of ", trial.sizes.vocabulary, " on ", ranks,
                      ranks == 1 ? " rank" : " ranks"));
  Table table({"rank", "its words", "padding"});
  for (int rank = 0; rank < ranks; ++rank) {
    const Range part = vocabulary_part(trial.sizes.vocabulary, ranks, rank);
    const Range words{part.begin, std::min(part.end, trial.sizes.vocabulary)};
    table.row({text(rank), words.size() > 0 ? text(words.begin, " … ", words.end - 1) : "none",
               text(part.size() - std::max<int64_t>(words.size(), 0))});
  }
  report.table(table);
}

void check_embedding(Report& report, Trial& trial) {
  report.heading("The embedding: a rank has the rows of its words, and zeros for the others");
  const auto [vocabulary, width, tokens] = trial.sizes;
  VocabParallelEmbedding split(trial.world, "wte", vocabulary, width, trial.init);
  VocabParallelEmbedding unsplit(*trial.alone, "wte", vocabulary, width, trial.init);
  const std::vector<int32_t> words = trial.words("ids", vocabulary);
  const Tensor ids = trial.on_device(words);
  const Tensor dy = to_tensor(trial.runtime.backend(),
                              random_matrix(tokens, width, {trial.init.seed, stream_of("dy")}));
  const Ledger before = trial.runtime.ledger();
  VocabParallelEmbedding::Kept kept, kept_unsplit;
  const Tensor y = split.forward(ids, kept);
  split.backward(dy, kept);
  const Ledger ledger = trial.runtime.ledger().since(before);
  unsplit.forward(ids, kept_unsplit);
  unsplit.backward(dy, kept_unsplit);
  report.ledger(ledger);
  report.check("forward: one all-reduce of tokens × width; backward: none",
               ledger.calls() == 1 && ledger.calls(Collective::all_reduce) == 1 &&
                   ledger.bytes() == y.bytes());
  report.check("Y is the words' rows, exactly",
               largest_difference(y, looked_up(Matrix(unsplit.weight.value), words)), 0);
  check_gradients(report, {&split.weight}, {&unsplit.weight}, 1e-6);
}

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
  report.check("forward: three all-reduces of [tokens]; backward: none",
               ledger.calls() == 3 && ledger.calls(Collective::all_reduce_max) == 1 &&
                   ledger.calls(Collective::all_reduce) == 2 &&
                   ledger.bytes() == 3 * losses.bytes());
  report.check("losses against double precision",
               relative_error(losses, cross_entropy(logits, words)), 1e-5);
  report.check("d logits against double precision",
               relative_error(dlogits, trial.cut(mean_loss_gradient(logits, words))), 1e-5);
  const auto loss = [&](const Matrix& point) { return mean_loss(point, words); };
  report.check("d logits against finite differences",
               finite_difference_error(loss, logits, dlogits_unsplit.to_host(), trial.samples, 32),
               1e-4);

  // Garbage in the padded columns must be overwritten, not multiplied by 0: 0 · NaN is NaN.
  double difference = 0, in_padding = 0;
  for (const float garbage : {1e30f, -1e30f, NAN}) {
    const Tensor same = split.forward(trial.cut(logits, garbage), targets, kept);
    difference = larger(difference, relative_error(same, losses));
    const Matrix gradient(split.backward(factor, kept)),
        is_padding(trial.cut(Matrix(tokens, vocabulary), 1));
    difference =
        larger(difference, relative_error(to_tensor(trial.runtime.backend(), gradient), dlogits));
    for (size_t i = 0; i < gradient.values.size(); ++i) {
      in_padding = larger(in_padding, std::abs(gradient.values[i] * is_padding.values[i]));
    }
  }
  report.check("with 1e30, -1e30 or NaN in the padded columns: the same losses and gradients",
               difference, 0);
  report.check("the gradient of padded columns is 0", in_padding, 0);
}

/// exp(1000) is infinite in f32. With the maximum taken off first no exponent is above 0, and one
/// is 0.
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

void check_tied_model(Report& report, Trial& trial) {
  report.heading("One table at both ends: X = GeLU(E[ids]), logits = X·Eᵀ");
  const auto [vocabulary, width, tokens] = trial.sizes;
  TiedModel split(trial.world, vocabulary, width, trial.init),
      unsplit(*trial.alone, vocabulary, width, trial.init);
  const std::vector<int32_t> ids = trial.words("ids", vocabulary),
                             targets = trial.words("targets", vocabulary);
  const Tensor losses = split.step(trial.on_device(ids), trial.on_device(targets));
  unsplit.step(trial.on_device(ids), trial.on_device(targets));
  const Parameter &part = split.embedding.weight, &whole = unsplit.embedding.weight;
  const auto logits = [&](const Matrix& e) {
    return matmul(gelu(looked_up(e, ids)), transpose(e));
  };
  const auto loss = [&](const Matrix& e) { return mean_loss(logits(e), targets); };
  const Matrix e(whole.value);
  report.check("losses against double precision",
               relative_error(losses, cross_entropy(logits(e), targets)), 1e-5);
  report.check("dE against the unsplit model", gradient_error(part, whole), 1e-5);
  report.check("dE against finite differences",
               finite_difference_error(loss, e, whole.gradient.to_host(), trial.samples, 32), 1e-4);
  for (const int64_t few : {1, 2, 5}) {  // on 4 ranks: 3, 2 and 1 of them have only padding
    TiedModel split_few(trial.world, few, width, trial.init),
        unsplit_few(*trial.alone, few, width, trial.init);
    const Tensor some = trial.on_device(trial.words("few ids", few)),
                 others = trial.on_device(trial.words("few", few));
    const double error =
        relative_error(split_few.step(some, others), unsplit_few.step(some, others));
    report.check(text("a vocabulary of ", few, ": losses and dE against the unsplit model"),
                 larger(error,
                        gradient_error(split_few.embedding.weight, unsplit_few.embedding.weight)),
                 1e-5);
  }
}

int main(int argc, char** argv) {
  Sizes sizes;
  Options options("08_vocab_parallel", "embedding and loss with the vocabulary cut over the ranks");
  options.size("--vocabulary", sizes.vocabulary, "words", 2);
  options.size("--width", sizes.width, "columns of the embedding");
  options.size("--tokens", sizes.tokens, "tokens of the batch", 3);
  options.offer_picture("the cut of the vocabulary");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    const auto [vocabulary, width, tokens] = sizes;
    report.layout(runtime.world().size(), 1);
    require_memory(8.0 * (4.0 * vocabulary * width +
                          10.0 * tokens * (width + std::max<int64_t>(vocabulary, 50257))),
                   text("--vocabulary ", vocabulary, " × --width ", width, " with --tokens ",
                        tokens));
    Trial trial(runtime, sizes);
    show_parts(report, trial);
    if (!options.picture.empty()) draw_vocabulary_cut(report, trial);
    check_embedding(report, trial);
    check_loss(report, trial);
    show_stability(report, trial);
    compare_with_gathering(report, trial);
    check_tied_model(report, trial);
  });
}
