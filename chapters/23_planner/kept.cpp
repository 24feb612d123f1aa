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
  int64_t kept = 0, queued = 0;
  for (const Step& step : steps) {
    const GptStage& part = parts[static_cast<size_t>(step.chunk)];
    const int64_t of_part = kept_of_part(work, part), of_weights = kept_for_weights(work, part);
    if (step.pass == Pass::weight_gradient) {
      queued -= of_weights;
      continue;
    }
    if (step.pass == Pass::input_gradient) queued += of_weights;
    most.for_weights = std::max(most.for_weights, queued);
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

int64_t kept_for_weights(const RankWork& work, const GptStage& part) {
  const auto [block, layers, columns, embedding, head] = work.work_of(part);
  const int64_t width = block.width, hidden = part_of(block.hidden, block.ranks, block.rank).size();
  // inputs of attention and MLP, and gradients of their outputs; of Q, K, V, what the heads give,
  // and both sides of GeLU
  const int64_t of_block = 4 * width + (3 + 1) * width / block.ranks + 2 * hidden;
  return 4 * block.tokens() * (layers * of_block + (head ? width + columns : 0));
}

KeptBytes kept_in_step(const RankWork& work) {
  if (work.layout.pp == 1) return kept_by(work, {{Pass::forward}, {Pass::backward}}, work.parts());
  const Schedule schedule =
      named_schedule(work.layout.schedule, work.ranks("pp"), work.micro_batches,
                     static_cast<int>(work.layout.chunks));
  return kept_by(work, schedule[static_cast<size_t>(work.at("pp"))], work.parts());
}

}  // namespace shard::chapter_23
