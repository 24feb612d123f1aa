#include "chapters/13_sequence_parallel/wrong_designs.h"

#include "common/check/compare.h"
#include "common/tensor/ops.h"

namespace shard::chapter_13 {

using namespace reference;

namespace {

/// Gains and biases of a block's two norms.
template <class Block>
Parameters norms_of(Block& block) {
  Parameters norms = block.norm_1.parameters();
  append(norms, block.norm_2.parameters());
  return norms;
}

/// The moment of this rank's rows as if they were the first of the batch, on every rank.
DropoutMoment same_rows_everywhere(Trial& trial, const DropoutMoment& moment) {
  const Communicator& tp = trial.grid.tp();
  std::vector<Range> ranges;
  for (const int64_t rows : part_sizes(trial.whole.x.rows(), tp.size()))
    ranges.push_back({0, rows});
  DropoutMoment wrong = moment;
  wrong.rows = RowMap(trial.whole.sizes.context, ranges).part(tp.size(), tp.rank());
  return wrong;
}

/// How far an MLP is from the right one, on own rows, if every rank adds the bias to its term, and
/// how far from the right one plus t - 1 biases.
struct BiasErrors {
  double from_right, from_explained;
};
BiasErrors add_bias_before_sum(Trial& trial) {
  Communicator& tp = trial.grid.tp();
  const FusedMlp& half = trial.again.mlp.half;
  FusedMlp::Kept kept;
  Tensor term = half.partial_forward(trial.whole.x, kept).unreduced();
  const Tensor right = tp.reduce_scatter(PartialSum(term.clone()));
  add_bias(term, half.last().bias.value);
  const Tensor wrong = tp.reduce_scatter(PartialSum(term));
  const auto with_biases = [&](int count) {
    Tensor z = right.clone();
    for (int i = 0; i < count; ++i) add_bias(z, half.last().bias.value);
    return z;
  };
  return {relative_error(wrong, with_biases(1)), relative_error(wrong, with_biases(tp.size()))};
}

}  // namespace

void show_wrong_designs(Runtime& runtime, Report& report, Trial& trial,
                        const DropoutMoment& moment) {
  report.heading("Designs that fail: the largest error of any rank");
  Communicator& world = runtime.world();
  const int ranks = world.size();
  const auto unsplit = pass_of(runtime, trial, trial.whole.unsplit, moment);
  const Tensor y = unsplit.y.slice(trial.own);
  const Parameters right = norms_of(trial.whole.unsplit), mine = norms_of(trial.again);
  const auto error_of_norms = [&] { return world.max_of(largest_gradient_error(mine, right)); };
  Table table({"", "Y", "gradients of the norms"});
  const auto row = [&](const char* design, double of_y, const std::string& of_norms) {
    table.row({design, scientific(of_y), of_norms});
  };

  const double y_right =
      world.max_of(relative_error(pass_of(runtime, trial, trial.again, moment).y, y));
  const double not_summed = error_of_norms();
  row("gradients of the norms not summed over tp", y_right, scientific(not_summed));
  trial.sum_over_tp(trial.again);
  for (Parameter* parameter : mine) scale(parameter->gradient, 1.0f / static_cast<float>(ranks));
  const double averaged = error_of_norms();
  row("averaged instead", y_right, scientific(averaged));
  const BiasErrors bias = add_bias_before_sum(trial);
  row("the bias of the MLP added before the sum", world.max_of(bias.from_right), "-");
  const Pass<OwnRowsBlock> masked(runtime, trial.again, trial.x, trial.dy, trial.whole.sizes.batch,
                                  same_rows_everywhere(trial, moment));
  trial.sum_over_tp(trial.again);
  const double same_mask = relative_error(masked.y, y);
  row("the same mask on each rank's rows", world.max_of(same_mask), scientific(error_of_norms()));
  report.table(table);
  if (ranks == 1) return report.line("  With one rank all of them are right.");

  report.check("not summed, averaged: Y is right, so the loss of this step shows nothing", y_right,
               1e-5);
  report.check("not summed: wrong by more than 10 %", not_summed > 0.1);
  report.check("averaged: wrong by the factor 1/t", relative_error(averaged, 1 - 1.0 / ranks),
               1e-4);
  report.check("the bias before the sum: t - 1 biases too many", bias.from_explained, 1e-5);
  report.check("the same mask: only the rows of rank 0 are right",
               world.rank() == 0 ? same_mask < 1e-5 : same_mask > 0.01);
}

}  // namespace shard::chapter_13
