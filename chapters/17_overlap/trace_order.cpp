#include "chapters/17_overlap/trace_order.h"

#include <algorithm>

#include "chapters/17_overlap/chunked_ring.h"
#include "chapters/17_overlap/emulated_link.h"
#include "common/base/clock.h"
#include "common/base/counted.h"
#include "common/check/reference.h"
#include "common/draw/trace_picture.h"
#include "common/tensor/ops.h"

namespace shard::chapter_17 {
namespace {

using Bars = std::vector<TraceBar>;

/// Bars in this row, of this group where it communicates, in the order in which they began.
Bars bars_in(const Bars& all, TraceRow row, const std::string& group) {
  Bars some;
  std::ranges::copy_if(all, std::back_inserter(some), [&](const TraceBar& bar) {
    return bar.row == row && (row == TraceRow::compute || bar.detail == group);
  });
  return some;
}

struct Recording {
  double start = 0;         // of this rank: seconds of clock.h
  std::vector<Bars> ranks;  // since each rank's start
  std::string group;        // that communicates
};

/// Collective.
Recording record(Communicator& world, Communicator& group, const std::function<void()>& product) {
  product();  // the second one finds memory and connections ready
  world.barrier();
  const TraceRecording recording;
  Recording result{.start = now(), .ranks = {}, .group = group.name()};
  product();
  const std::vector<std::string> starts = world.gather_text(text(std::hexfloat, result.start));
  result.ranks = gather_trace(world);
  for (size_t rank = 0; rank < starts.size(); ++rank) {
    const double begin = std::strtod(starts[rank].c_str(), nullptr);
    std::erase_if(result.ranks[rank], [&](const TraceBar& bar) { return bar.begin < begin; });
  }
  return result;
}

/// Whether `chunks` products, the first of them number j + `later`, run between the start of
/// transfer j and the wait for it, for each j.
bool products_run_meanwhile(const Recording& recorded, Communicator& world, int chunks,
                            size_t later) {
  const Bars& mine = recorded.ranks[static_cast<size_t>(world.rank())];
  const Bars products = bars_in(mine, TraceRow::compute, ""),
             transfers = bars_in(mine, TraceRow::transfer, recorded.group),
             waits = bars_in(mine, TraceRow::communication, recorded.group);
  const auto n = static_cast<size_t>(chunks), t = static_cast<size_t>(world.size());
  bool holds = products.size() == t * n && transfers.size() == (t - 1) * n &&
               waits.size() == transfers.size();
  for (size_t j = 0; holds && j < transfers.size(); ++j) {
    const TraceBar &first = products[j + later], &last = products[j + later + n - 1];
    holds = transfers[j].begin <= first.begin && last.end <= waits[j].begin;
  }
  return holds;
}

/// What each rank multiplies, and a row for each chunk of the rows that travel.
Timeline timeline_of(const Recording& recorded, int chunks) {
  Timeline timeline{{INFINITY, -INFINITY}, {}};
  for (const Bars& bars : recorded.ranks) {
    for (const TraceBar& bar : bars) {
      timeline.when = {std::min(timeline.when.begin, bar.begin),
                       std::max(timeline.when.end, bar.end)};
    }
  }
  for (const Bars& bars : recorded.ranks) {
    std::vector<TimelineRow> rows{{"", BarLook::named, {}}, {"multiplies", BarLook::computes, {}}};
    for (const TraceBar& bar : bars_in(bars, TraceRow::compute, "")) {
      const std::string owner = bar.detail.substr(bar.detail.rfind(' ') + 1);
      rows[0].bars.push_back({{bar.begin, bar.end}, "X" + owner});
      rows[1].bars.push_back({{bar.begin, bar.end}, ""});
    }
    for (int chunk = 0; chunk < chunks; ++chunk)
      rows.push_back({text("chunk ", chunk), BarLook::communicates, {}});
    size_t number = 0;
    for (const TraceBar& bar : bars_in(bars, TraceRow::transfer, recorded.group))
      rows[2 + number++ % static_cast<size_t>(chunks)].bars.push_back({{bar.begin, bar.end}, ""});
    timeline.ranks.push_back(std::move(rows));
  }
  return timeline;
}

void draw(Runtime& runtime, Report& report, const Timeline& timeline, int chunks) {
  if (runtime.options().picture.empty()) return;
  const int ranks = runtime.world().size();
  PicturePage page("A product whose input arrives in chunks",
                   text("A timeline of ", seconds_text(timeline.when.end - timeline.when.begin),
                        " on ", counted(ranks, "rank"),
                        ", for each of which it shows whose rows it multiplies when, "
                        "and for each of ",
                        counted(chunks, "chunk"),
                        " the time from the start of a transfer to its end."));
  page.sentence(
      "Each rank begins with its own rows. Meanwhile those of the others travel on an "
      "emulated link, one chunk after the other.");
  timeline.add_to(page);
  report.picture(page.drawn());
}

}  // namespace

void check_trace(Runtime& runtime, Report& report, int chunks) {
  report.heading(text("The order of products and transfers, from the trace: ",
                      counted(chunks, "chunk"), " per rank"));
  Communicator& world = runtime.world();
  constexpr int64_t rows = 360, in = 256, out = 256;
  const auto random = [&](int64_t of_rows, int64_t columns, const char* name) {
    return to_tensor(runtime.backend(),
                     reference::random_matrix(of_rows, columns,
                                              {runtime.options().seed, stream_of(name)}));
  };
  const Tensor x = random(rows, in, "traced x"), w = random(in, out, "traced w");
  const Tensor mine = x.slice(part_of(rows, world.size(), world.rank()));
  EmulatedLink link(world, {.latency = 5e-6, .bytes_per_second = 2e9});
  const auto check = [&](const std::string& how, Communicator& group) {
    const ChunkedRing ring(group, chunks);
    const Recording gathered = record(world, group, [&] { gather_matmul(ring, mine, rows, w); }),
                    scattered = record(world, group, [&] { matmul_scatter(ring, x, w); });
    if (world.backend().device() == Device::cpu) {  // a GPU's bars have another clock
      const std::string meanwhile =
          " " + how + ": products run between each transfer's start and its wait";
      report.check("gather" + meanwhile, products_run_meanwhile(gathered, world, chunks, 0));
      report.check("scatter" + meanwhile, products_run_meanwhile(scattered, world, chunks, 1));
    }
    return timeline_of(gathered, chunks);
  };
  check("directly", world);
  const Timeline timeline = check("on an emulated link", link);
  report.line(timeline.in_characters(60, 0));
  report.line(text("  # multiplies   ~ travels on the link   from | to |: ",
                   seconds_text(timeline.when.end - timeline.when.begin)));
  draw(runtime, report, timeline, chunks);
}

}  // namespace shard::chapter_17
