#include "chapters/14_recompute/one_block.h"

#include "chapters/14_recompute/selective_attention.h"
#include "common/check/calls.h"
#include "common/check/compare.h"
#include "common/check/reference.h"

namespace shard::chapter_14 {

BlockWork Sizes::work(int ranks, int rank, const DropoutMoment& moment) const {
  return {.batch = batch,
          .context = context,
          .width = width,
          .heads = heads,
          .hidden = hidden(),
          .ranks = ranks,
          .rank = rank,
          .dropout = moment.probability > 0};
}

namespace {

using WrittenOut = BasicBlock<ParallelAttention, ParallelMlp>;
using Selective = BasicBlock<SelectiveAttention, ParallelMlp>;

/// What the two passes of a block have computed and cost on this rank.
struct Passes {
  Tensor y;
  std::vector<Tensor> gradients;  // dX, then those of the parameters
  int64_t kept = 0;               // bytes between the passes
  int64_t flops = 0;
  Ledger ledger;
};

/// The passes of a new block with random numbers that depend on names only. `masks_later` is added
/// to the number of the pass, on which the masks depend, before the backward pass.
template <class Block>
Passes passes_of(Runtime& runtime, const Sizes& sizes, const DropoutMoment& moment,
                 uint64_t masks_later = 0) {
  const uint64_t seed = runtime.options().seed;
  const auto rows = [&](const char* name) {
    return reference::to_tensor(runtime.backend(),
                                reference::random_matrix(sizes.tokens(), sizes.width,
                                                         {seed, stream_of(name)}));
  };
  Block block(runtime.world(), "h.0", sizes.block(), {.seed = seed, .weight = 0.1f, .vector = 0.5f},
              0.1f);
  const Tensor x = rows("x"), dy = rows("dy");
  const Ledger before = runtime.ledger();
  const uint64_t flops = runtime.backend().flops();
  typename Block::Kept kept;
  Passes passes;
  passes.y = block.forward(x, sizes.batch, moment, kept);
  passes.kept = bytes_of(kept);
  kept.moment.pass += masks_later;
  passes.gradients.push_back(block.backward(dy, kept));
  passes.flops = static_cast<int64_t>(runtime.backend().flops() - flops);
  passes.ledger = runtime.ledger().since(before);
  for (const Parameter* parameter : block.parameters())
    passes.gradients.push_back(parameter->gradient);
  return passes;
}

bool same_gradients(const Passes& a, const Passes& b) {
  bool same = a.gradients.size() == b.gradients.size();
  for (size_t i = 0; same && i < a.gradients.size(); ++i)
    same = same_bits(a.gradients[i], b.gradients[i]);
  return same;
}

/// The largest relative difference of a gradient.
double difference(const Passes& a, const Passes& b) {
  double largest = 0;
  for (size_t i = 0; i < a.gradients.size(); ++i) {
    largest = reference::larger(largest, reference::relative_error(a.gradients[i], b.gradients[i]));
  }
  return largest;
}

/// A row of the table, and what the formulas say of it.
struct Row {
  std::string name;
  Passes passes;
  int64_t kept = 0, flops = 0, calls = 0;
  size_t beside = 0;  // the row of the same block that keeps everything
};

std::vector<Row> rows_of(Runtime& runtime, const Sizes& sizes, const DropoutMoment& moment) {
  using enum Design;
  const BlockWork work = sizes.work(runtime.world().size(), runtime.world().rank(), moment);
  std::vector<Row> rows;
  const auto add = [&](const std::string& name, Passes passes, Design design, size_t beside) {
    rows.push_back({name, std::move(passes), kept_bytes(design, work),
                    forward_flops(work) + backward_flops(design, work), 4, beside});
  };
  const auto add_full = [&](const std::string& name, Passes passes, Design design, size_t beside) {
    add(name, std::move(passes), design, beside);
    rows.back().kept = input_bytes(work);
    rows.back().flops += recomputation_flops(work);
    rows.back().calls += 1;
  };
  add("written out, all is kept", passes_of<WrittenOut>(runtime, sizes, moment), written_out, 0);
  add("written out, selective", passes_of<Selective>(runtime, sizes, moment), selective, 0);
  add_full("written out, full", passes_of<Recomputed<WrittenOut>>(runtime, sizes, moment),
           written_out, 0);
  add("fused, all is kept", passes_of<TransformerBlock>(runtime, sizes, moment), fused, 3);
  add_full("fused, full", passes_of<Recomputed<TransformerBlock>>(runtime, sizes, moment), fused,
           3);
  return rows;
}

/// What was counted is what the formulas say, and nothing is computed otherwise.
void check(Report& report, const Row& row, const Passes& all) {
  const Passes& got = row.passes;
  report.check(row.name + ": kept bytes as the formula says", got.kept == row.kept,
               text(got.kept, " bytes instead of ", row.kept));
  report.check(row.name + ": FLOPs as the formula says", got.flops == row.flops,
               text(got.flops, " FLOPs instead of ", row.flops));
  check_calls(
      report, text(row.name, ": ", row.calls, " all-reduces of tokens × width"), got.ledger,
      {{.op = Collective::all_reduce, .calls = row.calls, .bytes = row.calls * got.y.bytes()}});
  if (&got == &all) return;
  report.check(row.name + ": Y, dX and all gradients are the same, bit for bit",
               same_bits(got.y, all.y) && same_gradients(got, all));
}

}  // namespace

void compare_designs(Runtime& runtime, Report& report, const Sizes& sizes,
                     const DropoutMoment& moment) {
  report.heading(text("One block, ", sizes.tokens(), " tokens × ", sizes.width,
                      ": what rank 0 keeps for the backward pass, and computes in both"));
  const std::vector<Row> rows = rows_of(runtime, sizes, moment);
  const auto percent = [](int64_t part, int64_t whole) {
    return fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
  };
  Table table({"block", "kept", "of the first", "MFLOP", "more", "all-reduces"});
  for (const Row& row : rows) {
    const Passes &got = row.passes, &all = rows[row.beside].passes;
    table.row({row.name, bytes_text(static_cast<double>(got.kept)),
               percent(got.kept, rows[0].passes.kept),
               fixed(static_cast<double>(got.flops) / 1e6, 1),
               percent(got.flops - all.flops, all.flops), text(got.ledger.calls())});
  }
  report.table(table);
  for (const Row& row : rows) check(report, row, rows[row.beside].passes);
  report.result("kept_of_selective", static_cast<double>(rows[1].passes.kept));
  report.result("kept_of_full", static_cast<double>(rows[2].passes.kept));
}

void show_other_masks(Runtime& runtime, Report& report, const Sizes& sizes,
                      const DropoutMoment& moment) {
  report.heading("The design that fails: other dropout masks in the second forward pass");
  using Block = Recomputed<TransformerBlock>;
  DropoutMoment other = moment, none = moment;
  ++other.pass;
  none.probability = 0;
  const Passes right = passes_of<TransformerBlock>(runtime, sizes, moment),
               same = passes_of<Block>(runtime, sizes, moment),
               wrong = passes_of<Block>(runtime, sizes, moment, 1),
               of_other = passes_of<Block>(runtime, sizes, other),
               right_without = passes_of<TransformerBlock>(runtime, sizes, none),
               wrong_without = passes_of<Block>(runtime, sizes, none, 1);
  Table table({"dropout", "masks of the second pass", "Y", "gradients"});
  const auto row = [&](float dropout, const char* masks, const Passes& got, const Passes& kept) {
    const auto shown = [](double error) {
      return error == 0 ? "the same" : "differ by " + scientific(error);
    };
    table.row({text(dropout), masks, shown(reference::relative_error(got.y, kept.y)),
               shown(difference(got, kept))});
  };
  row(moment.probability, "the same", same, right);
  row(moment.probability, "of the next step (wrong)", wrong, right);
  row(0, "of the next step (wrong)", wrong_without, right_without);
  const double error = difference(wrong, right);
  report.table(table);
  report.result("error_of_other_masks", error);
  report.check("with other masks, Y is the same, and gradients differ by more than 1 %",
               same_bits(wrong.y, right.y) && error > 0.01);
  report.check("they are the gradients of a forward pass with those masks, bit for bit",
               same_gradients(wrong, of_other));
  report.check("without dropout the mistake changes nothing",
               same_gradients(wrong_without, right_without));
}

}  // namespace shard::chapter_14
