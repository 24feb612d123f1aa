#include "chapters/18_pipeline/schedule.h"

#include <algorithm>
#include <charconv>

#include "common/base/error.h"

namespace shard {
namespace {

constexpr std::string_view letters = "FBIW";  // of the passes, in their order

bool gives_gradient(Pass pass) { return pass == Pass::backward || pass == Pass::input_gradient; }

/// A whole number at the beginning of `text`, which is cut off; nothing where there is none.
template <class Number>
std::optional<Number> cut_number(std::string_view& text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

}  // namespace

std::string to_string(const Step& step) {
  const std::string name = text(letters[static_cast<size_t>(step.pass)], step.micro_batch);
  return step.chunk == 0 ? name : text(name, ".", step.chunk);
}

std::optional<Step> step_named(std::string_view name) {
  const size_t pass = name.empty() ? std::string_view::npos : letters.find(name.front());
  if (pass == std::string_view::npos) return std::nullopt;
  name.remove_prefix(1);
  const auto micro_batch = cut_number<int64_t>(name);
  if (!micro_batch) return std::nullopt;
  Step step{static_cast<Pass>(pass), *micro_batch};
  if (name.starts_with('.')) {
    name.remove_prefix(1);
    const auto chunk = cut_number<int>(name);
    if (!chunk) return std::nullopt;
    step.chunk = *chunk;
  }
  if (!name.empty()) return std::nullopt;
  return step;
}

std::string in_words(const Step& step) {
  static constexpr const char* passes[] = {"the forward pass", "the backward pass",
                                           "the input's gradient", "the weights' gradients"};
  const std::string words =
      text(passes[static_cast<size_t>(step.pass)], " of micro-batch ", step.micro_batch);
  return step.chunk == 0 ? words : text(words, " in chunk ", step.chunk);
}

std::string to_string(const Steps& steps) {
  std::string all;
  for (const Step& step : steps) all += (all.empty() ? "" : " ") + to_string(step);
  return all;
}

//! [18-schedules]
Steps gpipe(int /*stage*/, int /*stages*/, int64_t micro_batches) {
  Steps steps;
  for (int64_t i = 0; i < micro_batches; ++i) steps.push_back({Pass::forward, i});
  for (int64_t i = 0; i < micro_batches; ++i) steps.push_back({Pass::backward, i});
  return steps;
}

int64_t warm_up_of_1f1b(int stage, int stages, int64_t micro_batches) {
  return std::min<int64_t>(micro_batches, stages - 1 - stage);
}

Steps one_forward_one_backward(int stage, int stages, int64_t micro_batches) {
  const int64_t warm_up = warm_up_of_1f1b(stage, stages, micro_batches);
  Steps steps;
  for (int64_t i = 0; i < warm_up; ++i) steps.push_back({Pass::forward, i});
  for (int64_t i = warm_up; i < micro_batches; ++i) {
    steps.push_back({Pass::forward, i});
    steps.push_back({Pass::backward, i - warm_up});
  }
  for (int64_t i = micro_batches - warm_up; i < micro_batches; ++i)
    steps.push_back({Pass::backward, i});
  return steps;
}
//! [18-schedules]

Schedule schedule_of(StepsOfStage steps, int stages, int64_t micro_batches) {
  require(stages >= 1 && micro_batches >= 1, "a pipeline of ", stages, " stages and ",
          micro_batches, " micro-batches");
  Schedule schedule;
  for (int stage = 0; stage < stages; ++stage)
    schedule.push_back(steps(stage, stages, micro_batches));
  return schedule;
}

int64_t most_in_flight(const Steps& steps) {
  // the weights' part of a backward pass comes last
  const bool in_two_parts = std::ranges::any_of(steps, [](const Step& step) {
    return step.pass == Pass::weight_gradient;
  });
  const Pass last = in_two_parts ? Pass::weight_gradient : Pass::backward;
  int64_t now = 0, most = 0;
  for (const Step& step : steps) {
    if (step.pass == Pass::forward) most = std::max(most, ++now);
    if (step.pass == last) --now;
  }
  return most;
}

// ---- What each step waits for -------------------------------------------------------------------

Dependencies::Dependencies(const Schedule& schedule) : schedule_(schedule) {
  for (const Steps& steps : schedule) {
    for (const Step& step : steps) {
      require(step.micro_batch >= 0 && step.chunk >= 0, "a schedule with step ", to_string(step));
      chunks_ = std::max(chunks_, step.chunk + 1);
      micro_batches_ = std::max(micro_batches_, step.micro_batch + 1);
    }
  }
  parts_.resize(schedule.size() * static_cast<size_t>(chunks_));
  for (Row& part : parts_)
    for (auto* places : {&part.forward, &part.gradient, &part.weights})
      places->resize(static_cast<size_t>(micro_batches_));
  for (size_t stage = 0; stage < schedule.size(); ++stage)
    for (size_t i = 0; i < schedule[stage].size(); ++i)
      enter(schedule[stage][i], {static_cast<int>(stage), i});
  require_complete();
}

size_t Dependencies::part_of(Place place) const {
  return static_cast<size_t>(at(place).chunk) * schedule_.size() + static_cast<size_t>(place.stage);
}

void Dependencies::enter(const Step& step, Place place) {
  Row& part = parts_[part_of(place)];
  const auto micro_batch = static_cast<size_t>(step.micro_batch);
  auto& places = step.pass == Pass::forward  ? part.forward
                 : gives_gradient(step.pass) ? part.gradient
                                             : part.weights;
  require(!places[micro_batch], "a schedule in which stage ", place.stage, " does ", in_words(step),
          " twice");
  places[micro_batch] = place;
}

void Dependencies::require_complete() const {
  for (size_t part = 0; part < parts_.size(); ++part) {
    const auto& [forward, gradient, weights] = parts_[part];
    const auto lacks = [&](Pass pass, size_t micro_batch) {
      const int stage = static_cast<int>(part % schedule_.size());
      const Step step{pass, static_cast<int64_t>(micro_batch),
                      static_cast<int>(part / schedule_.size())};
      throw Error(text("a schedule in which stage ", stage, " lacks ", in_words(step)));
    };
    for (size_t i = 0; i < forward.size(); ++i) {
      if (!forward[i]) lacks(Pass::forward, i);
      if (!gradient[i]) lacks(Pass::backward, i);
      if (at(*gradient[i]).pass == Pass::input_gradient && !weights[i])
        lacks(Pass::weight_gradient, i);
      require(!weights[i] || at(*gradient[i]).pass == Pass::input_gradient,
              "a schedule in which "
              "stage ",
              gradient[i]->stage, " does ", in_words(at(*gradient[i])),
              " whole, and then the weights' part again");
    }
  }
}

std::optional<Place> Dependencies::input_of(Place place) const {
  const Step& step = at(place);
  const size_t part = part_of(place), i = static_cast<size_t>(step.micro_batch);
  if (step.pass == Pass::forward && part > 0) return parts_[part - 1].forward[i];
  if (gives_gradient(step.pass) && part + 1 < parts_.size()) return parts_[part + 1].gradient[i];
  return std::nullopt;
}

std::optional<Place> Dependencies::kept_from(Place place) const {
  const Step& step = at(place);
  const Row& part = parts_[part_of(place)];
  const auto i = static_cast<size_t>(step.micro_batch);
  if (gives_gradient(step.pass)) return part.forward[i];
  if (step.pass == Pass::weight_gradient) return part.gradient[i];
  return std::nullopt;
}

std::optional<Place> Dependencies::taker_of(Place place) const {
  const Step& step = at(place);
  const size_t part = part_of(place), i = static_cast<size_t>(step.micro_batch);
  if (step.pass == Pass::forward && part + 1 < parts_.size()) return parts_[part + 1].forward[i];
  if (gives_gradient(step.pass) && part > 0) return parts_[part - 1].gradient[i];
  return std::nullopt;
}

}  // namespace shard
