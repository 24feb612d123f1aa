#include "chapters/19_interleaved_pipeline/named_schedule.h"

#include <algorithm>
#include <map>

#include "chapters/19_interleaved_pipeline/interleaved.h"
#include "common/base/counted.h"
#include "common/base/error.h"

namespace shard {

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names{"gpipe", "1f1b", "interleaved", "zb-h1"};
  return names;
}

Schedule named_schedule(const std::string& name, int stages, int64_t micro_batches, int chunks) {
  static const std::map<std::string, StepsOfStage> of_one_chunk{
      {"gpipe", gpipe}, {"1f1b", one_forward_one_backward}, {"zb-h1", zero_bubble_h1}};
  const auto found = of_one_chunk.find(name);
  if (found != of_one_chunk.end()) {
    require_usage(chunks == 1, "the schedule ", name, " has one chunk a stage, not ", chunks);
    return schedule_of(found->second, stages, micro_batches);
  }
  require_usage(name == "interleaved", "there is no schedule ", name);
  require_usage(stages >= 2 && chunks >= 2, "the schedule interleaved needs 2 stages and 2 chunks",
                " at least, not ", counted(stages, "stage"), " and ", counted(chunks, "chunk"));
  Schedule schedule;
  for (int stage = 0; stage < stages; ++stage)
    schedule.push_back(interleaved(stage, stages, micro_batches, chunks));
  return schedule;
}

int64_t most_in_flight(const std::string& schedule, int stage, int stages, int64_t micro_batches,
                       int chunks) {
  if (schedule == "gpipe") return micro_batches;
  if (schedule == "zb-h1") return std::min<int64_t>(micro_batches, stages);
  const int64_t warm_up = schedule == "interleaved"
                              ? InterleavedOrder::warm_up(stage, stages, micro_batches, chunks)
                              : warm_up_of_1f1b(stage, stages, micro_batches);
  return std::min(micro_batches * chunks, warm_up + 1);
}

}  // namespace shard
