#include "chapters/20_context_parallel/failing_designs.h"

#include <cmath>

#include "chapters/20_context_parallel/model_trial.h"
#include "chapters/20_context_parallel/ring_in_one_process.h"
#include "common/check/compare.h"
#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_20 {

using reference::larger;
using reference::relative_error;

namespace {

/// The error of the output if each rank averages the outputs of its blocks.
double error_of_mean(const Trial& trial, int ranks) {
  const RingInOneProcess blocks(trial, ranks);
  double squares = 0, all = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const Tensor right = blocks.of_rank(trial.result.output, rank);
    Tensor mean = Tensor::zeros(right.backend(), right.shape());
    blocks.for_each([&](int of, int owner, const ScoreBlock& block) {
      if (of == rank)  // with rank + 1 blocks
        accumulate(mean, blocks.attend_to(rank, owner, block).output,
                   1.0f / static_cast<float>(rank + 1));
    });
    const double size =
        std::sqrt(reference::dot(reference::Matrix(right), reference::Matrix(right)));
    squares += std::pow(relative_error(mean, right) * size, 2), all += size * size;
  }
  return std::sqrt(squares / all);
}

/// Errors of dQ, dK and dV, and of dQ of the first chunk, if D = Σ dO ∘ O has the output of the
/// block instead of that over all keys.
std::array<double, 4> errors_of_local_d(const Trial& trial, int ranks) {
  const RingInOneProcess blocks(trial, ranks);
  const auto n = static_cast<size_t>(ranks);
  std::vector<Tensor> dq(n), dkv(n);
  for (int rank = 0; rank < ranks; ++rank) {
    const auto i = static_cast<size_t>(rank);
    dq[i] = Tensor::zeros(trial.qkv.backend(), blocks.of_rank(trial.dout, rank).shape());
    dkv[i] = Tensor::zeros(trial.qkv.backend(), blocks.kv_of(rank).shape());
  }
  blocks.for_each([&](int rank, int owner, const ScoreBlock& block) {
    ChunkResults right({block.queries});
    for (int other = 0; other <= rank; ++other)
      blocks.for_each([&](int of, int from, const ScoreBlock& each) {
        if (of == rank && from == other) right.add(each.queries, blocks.attend_to(of, from, each));
      });
    AttentionResult wrong = right.joined(trial.sequences, DataType::f32);
    wrong.output = blocks.attend_to(rank, owner, block).output;
    add_gradients(dq[static_cast<size_t>(rank)], dkv[static_cast<size_t>(owner)],
                  blocks.of_rank(trial.dout, rank), blocks.of_rank(trial.qkv, rank),
                  blocks.kv_of(owner), block, trial.sequences, wrong);
  });
  const int64_t width = trial.sizes.width;
  std::array<double, 4> errors{};
  for (int rank = 0; rank < ranks; ++rank) {
    const auto i = static_cast<size_t>(rank);
    const Tensor right = blocks.of_rank(trial.dqkv, rank);
    const auto error = [&](const Tensor& got, int64_t matrix) {
      return relative_error(got, columns_of(right, {matrix * width, (matrix + 1) * width}));
    };
    const double of_dq = error(dq[i], 0);
    errors[0] = larger(errors[0], of_dq);
    errors[1] = larger(errors[1], error(columns_of(dkv[i], {0, width}), 1));
    errors[2] = larger(errors[2], error(columns_of(dkv[i], {width, 2 * width}), 2));
    if (rank == 0) errors[3] = of_dq;
  }
  return errors;
}

void show_in_attention(Runtime& runtime, Report& report, const Sizes& sizes) {
  const int ranks = runtime.world().size();
  const Trial trial(runtime, sizes, 0);
  const double mean = error_of_mean(trial, ranks);
  const auto [dq, dk, dv, first] = errors_of_local_d(trial, ranks);
  Table table({"in attention, contiguous ring", "O", "dQ", "of the first chunk", "dK", "dV"});
  table.row({"mean of the blocks' outputs", scientific(mean), "", "", "", ""});
  table.row({"D from the block's own output", "", scientific(dq), scientific(first), scientific(dk),
             scientific(dv)});
  report.table(table);
  report.check("mean: wrong by more than 10 %", mean > 0.1);
  report.check("local D: dV is right", dv, 1e-6);
  report.check("so is dQ of the first chunk, which has one block", first, 1e-6);
  report.check("dQ and dK are wrong by more than 10 %", dq > 0.1 && dk > 0.1);
}

/// The rows that a rank's tokens would have in a contiguous cut, in the order in which it has them.
RowMap contiguous_rows(const SequenceCut& cut, int64_t batch, int64_t context, int rank) {
  const int64_t first = part_of(context, cut.ranks, rank).begin;
  std::vector<Range> rows;
  for (const Chunk& chunk : cut.chunks(context, rank)) {
    for (int64_t sequence = 0; sequence < batch; ++sequence) {
      const int64_t begin = sequence * context + first + chunk.before;
      rows.push_back({begin, begin + chunk.positions.size()});
    }
  }
  return {context, rows};
}

/// The losses of an unsplit model with a table of positions that is permuted accordingly.
Tensor losses_with_permuted_positions(ModelTrial& trial, const SequenceCut& cut) {
  const int64_t context = trial.sizes.context, width = trial.sizes.width;
  Gpt model(*trial.alone, trial.sizes, trial.init);
  const std::vector<float> table = model.position_embedding->value.to_host();
  std::vector<float> permuted(table.size());
  for (int rank = 0; rank < cut.ranks; ++rank) {
    const std::vector<int32_t> to = cut.rows({0, 1}, context, rank).positions(),
                               from = contiguous_rows(cut, 1, context, rank).positions();
    for (size_t i = 0; i < to.size(); ++i)
      std::copy_n(table.begin() + from[i] * width, width, permuted.begin() + to[i] * width);
  }
  model.position_embedding->value.assign(permuted);
  Gpt::Kept kept;
  const Batch batch = trial.batch();
  return model.forward(batch.tokens, batch.targets, batch.sequences, trial.moment(), kept);
}

void show_in_model(Runtime& runtime, Report& report, const Sizes& sizes) {
  ModelTrial trial(runtime, sizes, 0);
  Communicator& world = runtime.world();
  const Way way = ways_of(world)[1];  // zigzag
  const auto model = trial.model_of(way);
  const auto gradients = [&] {
    return world.max_of(largest_gradient_error(model->parameters(), trial.unsplit.parameters()));
  };
  Table table({"in the model, zigzag ring", "losses", "gradients"});
  const auto row = [&](const char* design, double losses, double of_gradients) {
    table.row({design, scientific(losses), scientific(of_gradients)});
  };
  const double right = relative_error(trial.pass(*model, *way, trial.mean()), trial.losses);
  const double own_only = gradients();
  row("gradients of own tokens only", right, own_only);

  const int64_t own = trial.tokens_with_loss(way->cut())[static_cast<size_t>(world.rank())];
  trial.pass(*model, *way,
             own == 0 ? 0.0f : 1.0f / static_cast<float>(own) / static_cast<float>(world.size()));
  trial.sum_gradients(*model);
  const double mean_of_means = gradients();
  row("mean of the ranks' means", right, mean_of_means);

  double moved = 0, explained = 0;
  const bool is_even = sizes.context % (2 * world.size()) == 0;  // as many tokens in both cuts
  if (is_even) {
    const RowMap wrong = contiguous_rows(way->cut(), sizes.batch, sizes.context, world.rank());
    const Tensor losses = trial.pass(*model, *way, trial.mean(), &wrong);
    trial.sum_gradients(*model);
    moved = relative_error(losses, trial.losses);
    explained = relative_error(losses, losses_with_permuted_positions(trial, way->cut()));
    row("positions of the contiguous cut", moved, gradients());
  }
  report.table(table);
  report.check("own tokens only, mean of means: the losses of the step show nothing", right, 1e-5);
  report.check("their gradients are wrong by more than 1 %",
               own_only > 0.01 && mean_of_means > 0.01);
  if (!is_even) return;
  report.check("positions: the losses are wrong by more than 1 %", moved > 0.01);
  report.check("they are those of a model with permuted positions", explained, 1e-5);
}

}  // namespace

void show_failing_designs(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading("Designs that fail");
  if (runtime.world().size() == 1) return report.line("  With one rank all of them are right.");
  show_in_attention(runtime, report, sizes);
  report.line();
  show_in_model(runtime, report, sizes);
}

}  // namespace shard::chapter_20
