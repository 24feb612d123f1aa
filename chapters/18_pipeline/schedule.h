// Schedules of a pipeline: for each stage the list of its steps. What a step needs from the stages
// before and after it, it waits for; so the lists alone decide who computes what when, and how much
// is kept meanwhile.
#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shard {

/// What is done with a micro-batch. A backward pass may also be done in two parts: the gradient of
/// the input, for which the stage before waits, and those of the weights, for which nobody does.
enum class Pass { forward, backward, input_gradient, weight_gradient };

/// One pass of one micro-batch through one chunk of the stage's layers. Where stages have several
/// chunks, chunk c of stage j of p is part c·p + j of the model.
struct Step {
  Pass pass = Pass::forward;
  int64_t micro_batch = 0;
  int chunk = 0;
  auto operator<=>(const Step&) const = default;
};
std::string to_string(const Step& step);  // "F3"; of chunk 1 "F3.1"; with B, I and W likewise
/// The step of that name; nothing for other texts.
std::optional<Step> step_named(std::string_view name);
std::string in_words(const Step& step);  // "the forward pass of micro-batch 3"

using Steps = std::vector<Step>;            // of one stage, in their order
using Schedule = std::vector<Steps>;        // of every stage
std::string to_string(const Steps& steps);  // "F0 F1 B0 B1"

/// The steps of stage `stage` of `stages`.
using StepsOfStage = Steps (*)(int stage, int stages, int64_t micro_batches);

/// GPipe: all forward passes, then all backward passes, in the same order. Every stage keeps all
/// micro-batches. Huang et al., arXiv:1811.06965.
Steps gpipe(int stage, int stages, int64_t micro_batches);
/// 1F1B: w = min(m, p-1-j) forward passes, then one forward and one backward pass in turn, then the
/// last w backward passes. Stage j keeps min(m, p-j) micro-batches. Narayanan et al.,
/// arXiv:2006.09503 and 2104.04473, section 2.2.1.
Steps one_forward_one_backward(int stage, int stages, int64_t micro_batches);
/// Its w: as many as the first one needs to come back from the stages after this one.
int64_t warm_up_of_1f1b(int stage, int stages, int64_t micro_batches);

/// The lists of all stages. Throws Error for fewer than 1 stage or micro-batch.
Schedule schedule_of(StepsOfStage steps, int stages, int64_t micro_batches);

/// How many micro-batches a stage keeps at most when it does these steps in their order: from the
/// beginning of a forward pass to the end of the backward pass, the weights' part included; chunks
/// count singly.
int64_t most_in_flight(const Steps& steps);

/// A step's place in a schedule.
struct Place {
  int stage = 0;
  size_t index = 0;
  auto operator<=>(const Place&) const = default;
};

/// What each step of a schedule waits for.
class Dependencies {
 public:
  /// Throws Error for a schedule in which a part of the model lacks a pass of a micro-batch that
  /// another part has, or has one twice.
  explicit Dependencies(const Schedule& schedule);

  /// The step whose result this one takes: of a forward pass that of the part before, of a backward
  /// pass (or its first half) that of the part after. None at the model's ends, and of weights'
  /// gradients.
  std::optional<Place> input_of(Place step) const;
  /// The step of the same part that must be over before, as it keeps what this one needs.
  std::optional<Place> kept_from(Place step) const;
  /// The step that takes this one's result.
  std::optional<Place> taker_of(Place step) const;

  int chunks() const { return chunks_; }                    // of every stage
  int64_t micro_batches() const { return micro_batches_; }  // of the whole schedule

 private:
  struct Row {  // of one part of the model: the places of its passes, by micro-batch
    std::vector<std::optional<Place>> forward, gradient, weights;
  };
  void enter(const Step& step, Place place);
  void require_complete() const;
  const Step& at(Place place) const {
    return schedule_[static_cast<size_t>(place.stage)][place.index];
  }
  size_t part_of(Place place) const;

  Schedule schedule_;
  int chunks_ = 0;
  int64_t micro_batches_ = 0;
  std::vector<Row> parts_;
};

}  // namespace shard
