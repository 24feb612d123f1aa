// Chapter 08: the vocabulary cut over the ranks at both ends of a GPT: in the embedding, and in the
// loss, whose logits no rank has in full.
#include <algorithm>

#include "chapters/08_vocab_parallel/gathered_loss.h"
#include "chapters/08_vocab_parallel/loss_checks.h"
#include "chapters/08_vocab_parallel/picture.h"
#include "chapters/08_vocab_parallel/tied_model.h"
#include "chapters/08_vocab_parallel/trial.h"
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/base/counted.h"
#include "common/check/calls.h"
#include "common/check/compare.h"
#include "common/check/finite_differences.h"

using namespace shard;
using namespace shard::chapter_08;
using namespace shard::reference;

void show_parts(Report& report, const Trial& trial) {
  const int ranks = trial.world.size();
  const int64_t multiple = trial.runtime.backend().vocabulary_multiple();
  report.heading(text("A vocabulary of ", trial.sizes.vocabulary, " on ", counted(ranks, "rank")));
  Table table({"rank", "its words", "padding"});
  for (int rank = 0; rank < ranks; ++rank) {
    const Range part = vocabulary_part(trial.sizes.vocabulary, ranks, rank, multiple);
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
  check_calls(report, "forward: one all-reduce of tokens × width; backward: none", ledger,
              {{.op = Collective::all_reduce, .calls = 1, .bytes = y.bytes()}});
  report.check("Y is the words' rows, exactly",
               largest_difference(y, looked_up(Matrix(unsplit.weight.value), words)), 0);
  check_gradients(report, {&split.weight}, {&unsplit.weight}, 1e-6);
}

/// On 4 ranks 3, 2 and 1 of them have only padding.
void check_small_vocabularies(Report& report, Trial& trial) {
  const int64_t width = trial.sizes.width;
  for (const int64_t few : {1, 2, 5}) {
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
  const Matrix e(whole.without_padding(whole.value));
  report.check("losses against double precision",
               relative_error(losses, cross_entropy(logits(e), targets)), 1e-5);
  report.check("dE against the unsplit model", gradient_error(part, whole), 1e-5);
  check_finite_differences(
      report, [&](const Points& points) { return mean_loss(logits(points[0]), targets); },
      {{.name = "dE", .point = e, .gradient = whole.without_padding(whole.gradient)}},
      trial.samples, 1e-4, 32);
  check_small_vocabularies(report, trial);
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
