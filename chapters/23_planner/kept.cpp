#include "chapters/23_planner/kept.h"

#include <algorithm>
#include <set>

#include "chapters/19_interleaved_pipeline/named_schedule.h"

namespace shard::chapter_23 {
namespace {

ModelBytes bytes_of_part(const RankWork& work, const GptStage& part) {
  ModelBytes bytes = kept_bytes(work.work_of(part));
  if (work.model.experts > 0) bytes.block += kept_beside_experts(work.expert_work());
  return bytes;
}

/// What all passes of a list keep, as they follow each other.
KeptBytes kept_by(const RankWork& work, const Steps& steps, const std::vector<GptStage>& parts) {
  KeptBytes most;
  int64_t kept = 0;
  for (const Step& step : steps) {
    const GptStage& part = parts[static_cast<size_t>(step.chunk)];
    const int64_t of_part = kept_of_part(work, part);
    if (step.pass == Pass::weight_gradient) continue;
    if (step.pass == Pass::forward) {
      kept += of_part;
    } else {
      kept -= of_part;
      const int64_t during = most_kept(bytes_of_part(work, part), work.recomputed_in(part));
      most.at_most = std::max(most.at_most, kept + during);
    }
    most.between_passes = std::max(most.between_passes, kept);
  }
  most.at_most = std::max(most.at_most, most.between_passes);
  return most;
}

}  // namespace

int64_t kept_of_part(const RankWork& work, const GptStage& part) {
  const ModelBytes bytes = bytes_of_part(work, part);
  return bytes.begin + bytes.layers * (work.recomputes() ? bytes.input : bytes.block) + bytes.end;
}

KeptBytes kept_in_step(const RankWork& work) {
  if (work.layout.pp == 1) return kept_by(work, {{Pass::forward}, {Pass::backward}}, work.parts());
  const Schedule schedule =
      named_schedule(work.layout.schedule, work.ranks("pp"), work.micro_batches,
                     static_cast<int>(work.layout.chunks));
  return kept_by(work, schedule[static_cast<size_t>(work.at("pp"))], work.parts());
}

}  // namespace shard::chapter_23
