#include "chapters/13_sequence_parallel/memory.h"

#include <array>

#include "chapters/07_transformer_block/kept_bytes.h"

namespace shard::chapter_13 {
namespace {

/// What sequence parallelism cuts by rows: inputs and statistics of both norms, and what attention
/// and MLP keep of the norms' outputs.
struct CutByRows {
  const NormLayer::Kept &norm_1, &norm_2;
  const Tensor &attention_x, &mlp_x;
  auto parts() const { return std::tie(norm_1, norm_2, attention_x, mlp_x); }
};
CutByRows cut_by_rows(const TransformerBlock::Kept& kept) {
  return {kept.norm_1, kept.norm_2, kept.attention.qkv.x, kept.mlp.up.x};
}
CutByRows cut_by_rows(const OwnRowsBlock::Kept& kept) {
  return {kept.norm_1, kept.norm_2, kept.attention.x, kept.mlp.x};
}

/// What one design keeps on this rank.
struct Bytes {
  int64_t by_rows, others;
  bool are_live;  // whether forward has left just these behind, and its result
};
template <class Pass>
Bytes bytes_of_pass(const Pass& pass) {
  const int64_t by_rows = bytes_of(cut_by_rows(pass.kept)), all = bytes_of(pass.kept);
  const int64_t x = pass.kept.norm_1.x.bytes();  // was there before
  return {by_rows, all - by_rows, pass.live == all - x + pass.y.bytes()};
}

/// Of attention and MLP, sharded in every design.
int64_t sharded_bytes(const Sizes& s, const Communicator& group) {
  const int64_t hidden = part_of(s.hidden, group.size(), group.rank()).size();
  return kept_inside(s.batch * s.context, s.width / group.size(), s.heads / group.size(), hidden);
}

}  // namespace

void check_bytes_kept(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Bytes that rank 0 keeps of a block for its backward pass");
  const Sizes& s = trial.whole.sizes;
  Communicator& world = runtime.world();
  const DropoutMoment dropout{.probability = 0.1f, .seed = 1};  // masks are never kept
  const Bytes replicated = bytes_of_pass(pass_of(runtime, trial, trial.whole.split, dropout)),
              again = bytes_of_pass(pass_of(runtime, trial, trial.again, dropout)),
              kept = bytes_of_pass(pass_of(runtime, trial, trial.kept, dropout));
  Table table({"", "x, u, norms", "inside attention, MLP", "in all"});
  const auto row = [&](const char* name, const Bytes& bytes) {
    table.row({name, text(bytes.by_rows), text(bytes.others), text(bytes.by_rows + bytes.others)});
  };
  row("tensor parallel", replicated);
  row("sequence parallel, gathered again", again);
  row("sequence parallel, gathered input kept", kept);
  report.table(table);
  const int64_t rows = s.batch * s.context, own = trial.x.rows();
  const int64_t sharded = sharded_bytes(s, world);
  report.check("these are the bytes of all tensors that the forward pass has left, without Y",
               replicated.are_live && again.are_live && kept.are_live);
  report.check("tensor parallel: 4 tensors of rows × width, 4 statistics of each row",
               replicated.by_rows == kept_of_rows(rows, s.width) && replicated.others == sharded);
  report.check("sequence parallel: the same of own rows",
               again.by_rows == kept_of_rows(own, s.width) && again.others == sharded);
  report.check("with the gathered inputs kept, 2 of the 4 have all rows",
               kept.by_rows == 4 * (own * (2 * s.width + 4) + rows * 2 * s.width) &&
                   kept.others == sharded);
  const double together = world.sum_of(static_cast<double>(again.by_rows));
  const bool exact = rows % world.size() != 0 ||  // t does not divide the rows
                     again.by_rows * world.size() == replicated.by_rows;
  report.check("what each rank kept, all ranks together now keep: 1/t each",
               together == static_cast<double>(replicated.by_rows) && exact);
  report.result("bytes_kept", {static_cast<double>(replicated.by_rows + replicated.others),
                               static_cast<double>(again.by_rows + again.others),
                               static_cast<double>(kept.by_rows + kept.others)});
}

namespace {

struct PaperModel {
  const char* name;
  double heads, width;
};
constexpr double paper_sequence = 2048, paper_ranks = 8;

/// Bytes of a block in units of sequence · batch · width, in 16 bits, with masks of a byte each.
std::array<double, 6> table_2(const PaperModel& model) {
  const double t = paper_ranks, scores = 5 * model.heads * paper_sequence / model.width;
  return {34 + scores,               // no parallelism
          10 + 24 / t + scores / t,  // tensor parallel
          (34 + scores) / t,         // tensor + sequence parallel
          10 + 24 / t,               // tensor parallel, selective recomputation
          34 / t,                    // tensor + sequence parallel, selective recomputation
          2};                        // full recomputation
}

}  // namespace

void show_table_2(Report& report) {
  report.heading(
      text("Korthikanti et al., table 2: bytes of a block / (s·b·h), s = ", paper_sequence,
           ", t = ", paper_ranks, "; below, % of tensor parallel (figure 7)"));
  Table table({"model", "5as/h", "no parallelism", "tensor", "+ sequence", "tensor, selective",
               "+ sequence", "full"});
  for (const PaperModel& model :
       {PaperModel{"22B", 64, 6144}, {"175B", 96, 12288}, {"530B", 128, 20480}}) {
    const std::array<double, 6> bytes = table_2(model);
    std::vector<std::string> row{model.name,
                                 short_number(5 * model.heads * paper_sequence / model.width)};
    std::vector<std::string> percent{"", ""};
    for (const double value : bytes) {
      row.push_back(fixed(value, 2));
      percent.push_back(fixed(100 * value / bytes[1], 1) + " %");
    }
    table.row(row);
    table.row(percent);
  }
  report.table(table);
}

}  // namespace shard::chapter_13
