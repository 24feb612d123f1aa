#include "chapters/09_data_parallel/picture.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/counted.h"
#include "common/draw/trace_picture.h"

namespace shard::chapter_09 {

/// Of every rank: the row of each bucket. Collective.
static std::vector<std::vector<TimelineRow>> gather_buckets(Communicator& world,
                                                            const DataParallel& data_parallel) {
  nlohmann::json mine = nlohmann::json::array();
  for (const DataParallel::Bucket& bucket : data_parallel.buckets())
    mine.push_back({bucket.started, bucket.finished});
  std::vector<std::vector<TimelineRow>> ranks;
  for (const std::string& ranks_buckets : world.gather_text(mine.dump())) {
    std::vector<TimelineRow>& rows = ranks.emplace_back();
    for (const auto& bucket : nlohmann::json::parse(ranks_buckets)) {
      rows.push_back(
          {text("bucket ", rows.size()), BarLook::communicates, {{{bucket[0], bucket[1]}, ""}}});
    }
  }
  return ranks;
}

void show_bucket_timeline(Runtime& runtime, Report& report, const DataParallel& data_parallel,
                          double start) {
  Communicator& world = runtime.world();
  start = -world.max_of(-start);  // the first rank's
  const std::vector<std::vector<TraceBar>> bars = gather_trace(world);
  const double end = world.max_of(data_parallel.buckets().back().finished);  // waited for last
  Timeline timeline{{start, end}, gather_buckets(world, data_parallel)};
  for (size_t rank = 0; auto& rows : timeline.ranks) {
    rows.insert(rows.begin(),
                {named_row(bars[rank], timeline.when), computing_row(bars[rank], timeline.when)});
    ++rank;
  }
  report.line(timeline.in_characters(60, 0));
  if (runtime.options().picture.empty()) return;
  PicturePage page(
      "The buckets of one backward pass",
      text("A timeline of ", seconds_text(end - start), " on ", counted(world.size(), "rank"),
           ", for each of which it shows when the rank computes, forward and backward, and "
           "for each "
           "of its ",
           counted(data_parallel.buckets().size(), "bucket"),
           " of gradients the time from the start of its all-reduce to its end."));
  page.sentence(
      "Each bucket's all-reduce starts as soon as its gradients are ready, during the backward "
      "pass "
      "of earlier "
      "layers, and ends when the rank has waited for it.");
  timeline.add_to(page);
  report.picture(page.drawn());
}

}  // namespace shard::chapter_09
