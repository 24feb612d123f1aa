#include "chapters/08_vocab_parallel/gathered_loss.h"

#include <cmath>

#include "common/base/clock.h"
#include "common/tensor/ops.h"

namespace shard::chapter_08 {

using namespace reference;

/// Every rank gets all logits and computes the whole loss.
static Tensor loss_by_gathering(Trial& trial, const Tensor& part, int64_t vocabulary,
                                const Tensor& targets) {
  // [t·tokens × ⌈vocabulary/t⌉], rank after rank
  const Tensor pieces = trial.world.all_gather(part);
  const int64_t tokens = part.rows(), columns = part.columns();
  Tensor logits(part.backend(), {tokens, columns * trial.world.size()});
  for (int rank = 0; rank < trial.world.size(); ++rank) {
    set_columns(logits, rank * columns, pieces.slice({rank * tokens, (rank + 1) * tokens}));
  }
  VocabParallelCrossEntropy::Kept kept;
  return VocabParallelCrossEntropy(*trial.alone, vocabulary)
      .forward(columns_of(logits, {0, vocabulary}), targets, kept);
}

namespace {

struct Measured {
  Tensor losses;
  Ledger ledger;
  double seconds = INFINITY;  // the best of five, of the slowest rank
};

}  // namespace

static Measured measure(Trial& trial, const std::function<Tensor()>& loss) {
  Measured best;
  for (int repeat = 0; repeat < 5; ++repeat) {
    trial.world.barrier();
    const Ledger before = trial.runtime.ledger();
    const double start = now();
    best.losses = loss();
    trial.runtime.backend().synchronize();
    const double seconds = now() - start;
    best.ledger = trial.runtime.ledger().since(before);
    best.seconds = std::min(best.seconds, trial.world.max_of(seconds));
  }
  return best;
}

void compare_with_gathering(Report& report, Trial& trial) {
  report.heading(text("Three small all-reduces, or one gather of all logits, for ",
                      trial.sizes.tokens, " tokens"));
  Table table({"loss", "collectives", "bytes given", "sent", "time"});
  double error = 0;
  for (const int64_t vocabulary : {trial.sizes.vocabulary, int64_t{50257}}) {
    const Tensor part = trial.cut(trial.random_logits(vocabulary));
    const Tensor targets = trial.on_device(trial.words("targets", vocabulary));
    VocabParallelCrossEntropy sharded(trial.world, vocabulary);
    VocabParallelCrossEntropy::Kept kept;
    const Measured small =
        measure(trial, [&] { return sharded.forward(part.clone(), targets, kept); });
    const Measured large =
        measure(trial, [&] { return loss_by_gathering(trial, part, vocabulary, targets); });
    // In a ring (chapter 02) a rank sends t-1 pieces in an all-gather, and 2·(t-1)/t of the tensor
    // in an all-reduce.
    const auto row = [&](const char* name, const Measured& of) {
      const auto given = static_cast<double>(of.ledger.bytes());
      const auto sent = static_cast<double>(of.ledger.sent());
      table.row({text(vocabulary, " words, ", name), text(of.ledger.calls()), bytes_text(given),
                 bytes_text(sent), seconds_text(of.seconds)});
      report.result(text("sent_", name, "_", vocabulary), sent);
    };
    row("sharded", small);
    row("gathered", large);
    error = larger(error, relative_error(small.losses, large.losses));
  }
  report.table(table);
  report.check("sharded and gathered logits give the same losses", error, 1e-5);
}

}  // namespace shard::chapter_08
