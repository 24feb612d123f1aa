#include "chapters/20_context_parallel/work.h"

#include <algorithm>

#include "common/base/counted.h"

namespace shard::chapter_20 {
namespace {

int64_t entries_of(const SequenceCut& cut, int64_t context, int rank) {
  int64_t sum = 0;
  for (int owner = 0; owner < cut.ranks; ++owner) sum += cut.entries(context, rank, owner);
  return sum;
}

std::string tokens_of(const SequenceCut& cut, int64_t context, int rank) {
  std::string ranges;
  for (const Chunk& chunk : cut.chunks(context, rank))
    ranges +=
        text(ranges.empty() ? "" : ", ", chunk.positions.begin, " … ", chunk.positions.end - 1);
  return ranges;
}

void show_steps(Report& report, const SequenceCut& cut, int64_t context) {
  std::vector<std::string> heading{to_string(cut.kind), "tokens"};
  for (int step = 0; step < cut.ranks; ++step) heading.push_back(text("step ", step));
  heading.emplace_back("all steps");
  Table table(heading);
  for (int rank = 0; rank < cut.ranks; ++rank) {
    std::vector<std::string> row{text("rank ", rank), tokens_of(cut, context, rank)};
    for (int step = 0; step < cut.ranks; ++step)
      row.push_back(text(cut.entries(context, rank, (rank + cut.ranks - step) % cut.ranks)));
    row.push_back(text(entries_of(cut, context, rank)));
    table.row(row);
  }
  report.table(table);
}

}  // namespace

double efficiency(const SequenceCut& cut, int64_t context) {
  int64_t most = 0, all = 0;
  for (int rank = 0; rank < cut.ranks; ++rank) {
    const int64_t entries = entries_of(cut, context, rank);
    most = std::max(most, entries), all += entries;
  }
  return static_cast<double>(all) / static_cast<double>(most * cut.ranks);
}

void check_work(Runtime& runtime, Report& report, const Trial& trial) {
  const int c = runtime.world().size(), rank = runtime.world().rank();
  const int64_t context = trial.sizes.context;
  report.heading(text("Tokens of each rank, and scores that it computes for one head of ", context,
                      " tokens"));
  const SequenceCut contiguous(CutKind::contiguous, c), zigzag(CutKind::zigzag, c);
  show_steps(report, contiguous, context);
  report.line();
  show_steps(report, zigzag, context);
  const int64_t n = context / c, half = n / 2;  // tokens of a rank; of a chunk of the zigzag cut
  report.line(text("  efficiency, the slowest rank deciding: contiguous ",
                   fixed(100 * efficiency(contiguous, context), 1), " %, c/(2c-1) = ",
                   fixed(100.0 * c / (2 * c - 1), 1), " % for long sequences; zigzag ",
                   fixed(100 * efficiency(zigzag, context), 1), " %"));
  if (context % (2 * c) == 0) {
    bool equal = true;
    for (int owner = 0; owner < c; ++owner)
      equal = equal &&
              zigzag.entries(context, rank, owner) == 2 * half * half + (owner == rank ? half : 0);
    report.check("contiguous: rank r computes r blocks and half of one",
                 entries_of(contiguous, context, rank) == rank * n * n + n * (n + 1) / 2);
    report.check("zigzag: every rank the same in every step, 2 chunks² (and its diagonal first)",
                 equal);
  }
  report.check("contiguous: efficiency tends to c/(2c-1)",
               std::abs(efficiency(contiguous, int64_t{1} << 20) * (2 * c - 1) / c - 1), 1e-5);
  for (const Way& way : ways_of(runtime.world())) {
    if (way->name() != "ring") continue;
    const Pass pass(runtime, *way, trial);  // q·kᵀ and p·v: 4 operations a score and head column
    report.check(name_of(*way) + ": the operations that attention has counted",
                 pass.flops == 4 * trial.sizes.batch * trial.sizes.width *
                                   entries_of(way->cut(), context, rank));
  }
}

}  // namespace shard::chapter_20
