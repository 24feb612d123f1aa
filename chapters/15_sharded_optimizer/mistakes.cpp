#include "chapters/15_sharded_optimizer/mistakes.h"

#include <cmath>

#include "chapters/15_sharded_optimizer/shard_norm.h"
#include "common/check/reference.h"

namespace shard::chapter_15 {
namespace {

double root(const Tensor& squares) { return std::sqrt(static_cast<double>(squares.to_host()[0])); }

/// Each rank's own norm, which it would clip by.
void show_own_norms(Runtime& runtime, Report& report, Run& run) {
  const auto alone = runtime.alone();
  const double own = root(ShardNorm(*alone, *run.shards).sum_of_squares()),
               whole = root(ShardNorm(runtime.world(), *run.shards).sum_of_squares());
  Table table({"rank", "norm of its own ranges", "of the whole gradient"});
  const std::vector<std::string> all = runtime.world().gather_text(fixed(own, 4));
  for (size_t rank = 0; rank < all.size(); ++rank)
    table.row({text(rank), all[rank], fixed(whole, 4)});
  report.table(table);
  const double squares = runtime.world().sum_of(own * own);
  report.check("the squares of the own norms add up to the whole norm's",
               reference::relative_error(squares, whole * whole), 1e-5);
}

/// Everything but the own ranges becomes what it was in `before`, as if nobody had gathered.
void forget_gathered(Run& run, const std::vector<std::vector<float>>& before) {
  const Parameters parameters = run.model.parameters();
  std::vector<std::vector<float>> values = before;
  for (const GradientShards::Bucket& bucket : run.shards->buckets()) {
    for (const FlatPiece& piece : bucket.flat.pieces_of(run.grid.dp().rank())) {
      const auto i = std::ranges::find(parameters, piece.parameter) - parameters.begin();
      const std::vector<float> now = piece.parameter->value.to_host();
      std::copy(now.begin() + piece.elements.begin, now.begin() + piece.elements.end,
                values[static_cast<size_t>(i)].begin() + piece.elements.begin);
    }
  }
  for (size_t i = 0; i < parameters.size(); ++i)
    parameters[i]->value.assign(std::span<const float>(values[i]));
}

double error_of_stale_weights(Runtime& runtime, const Settings& s) {
  Run right(runtime.world(), s, Sharding::moments), stale(runtime.world(), s, Sharding::moments);
  std::vector<std::vector<float>> before;
  for (const Parameter* parameter : stale.model.parameters())
    before.push_back(parameter->value.to_host());
  right.step(0);
  stale.step(0);
  forget_gathered(stale, before);
  right.step(1);
  stale.step(1);
  double worst = 0;
  for (size_t i = 0; i < right.shards->buckets().size(); ++i) {
    worst = reference::larger(worst, reference::relative_error(stale.shards->buckets()[i].own,
                                                               right.shards->buckets()[i].own));
  }
  return worst;
}

/// Elements that would decay, or not, against the rule, if a range's first piece decided.
int64_t wrong_decays(const Run& run) {
  int64_t wrong = 0;
  for (const GradientShards::Bucket& bucket : run.shards->buckets()) {
    for (int rank = 0; rank < bucket.flat.ranks(); ++rank) {
      const std::vector<FlatPiece> pieces = bucket.flat.pieces_of(rank);
      for (const FlatPiece& piece : pieces)
        if (piece.decays() != pieces.front().decays()) wrong += piece.elements.size();
    }
  }
  return wrong;
}

}  // namespace

void show_mistakes(Runtime& runtime, Report& report, const Settings& s) {
  report.heading("Three mistakes: a norm of the own ranges, weights not gathered, decay by range");
  Run run(runtime.world(), s, Sharding::moments);
  run.step(0);
  show_own_norms(runtime, report, run);
  const double stale = error_of_stale_weights(runtime, s);
  const int64_t wrong = wrong_decays(run);
  report.line(text("  weights not gathered: the next gradients are wrong by ", scientific(stale)));
  report.line(text("  decay of a range's first parameter: wrong for ", wrong, " elements"));
  if (run.data_parallel() > 1) {
    report.check("weights not gathered: the next gradients are wrong by more than 1e-3",
                 stale > 1e-3);
  }
  report.check("decay of a range's first parameter: wrong for some elements", wrong > 0);
}

}  // namespace shard::chapter_15
