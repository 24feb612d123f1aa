// Schedules by name, as a trainer's options have them.
#pragma once
#include <string>
#include <vector>

#include "chapters/18_pipeline/schedule.h"

namespace shard {

/// "gpipe", "1f1b", "interleaved", "zb-h1".
const std::vector<std::string>& schedule_names();

/// The lists of all stages. Throws UsageError for another name, and for numbers of chunks that the
/// schedule does not have: interleaved has 2 or more, on 2 stages or more; the others have 1.
Schedule named_schedule(const std::string& name, int stages, int64_t micro_batches, int chunks);

/// What most_in_flight says of a stage's list, without making it: parts of 1/chunks of the stage.
int64_t most_in_flight(const std::string& schedule, int stage, int stages, int64_t micro_batches,
                       int chunks);

}  // namespace shard
