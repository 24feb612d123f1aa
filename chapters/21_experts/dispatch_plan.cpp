#include "chapters/21_experts/dispatch_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/base/error.h"

namespace shard {

ExpertCounts::ExpertCounts(int64_t the_experts, std::span<const int32_t> gathered)
    : ranks(std::ssize(gathered) / the_experts),
      experts(the_experts),
      of(gathered.begin(), gathered.end()) {}

int64_t ExpertCounts::of_expert(int64_t expert) const {
  int64_t sum = 0;
  for (int64_t rank = 0; rank < ranks; ++rank) sum += at(rank, expert);
  return sum;
}

int64_t ExpertCounts::total() const { return std::accumulate(of.begin(), of.end(), int64_t{0}); }

ExpertCounts ExpertCounts::within(int64_t capacity) const {
  ExpertCounts kept = *this;
  for (int64_t expert = 0; expert < experts; ++expert) {
    int64_t left = capacity;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      int64_t& count = kept.of[static_cast<size_t>(rank * experts + expert)];
      count = std::min(count, left);
      left -= count;
    }
  }
  return kept;
}

int64_t expert_capacity(double factor, int64_t choices, int64_t experts) {
  if (factor == 0) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(
      std::ceil(factor * static_cast<double>(choices) / static_cast<double>(experts)));
}

namespace {

size_t place_of(int64_t index) { return static_cast<size_t>(index); }

/// The sums of all numbers before each: where the parts of these sizes begin.
std::vector<int64_t> begins_of(std::span<const int64_t> sizes) {
  std::vector<int64_t> begins(sizes.size());
  std::exclusive_scan(sizes.begin(), sizes.end(), begins.begin(), int64_t{0});
  return begins;
}

}  // namespace

//! [21-plan]
DispatchPlan::DispatchPlan(std::span<const int32_t> chosen, int64_t k,
                           const ExpertCounts& chosen_by_all, int64_t capacity,
                           const ExpertPlace& place) {
  const ExpertCounts sent = chosen_by_all.within(capacity);
  const int64_t experts = sent.experts, first_peer = place.rank - place.ep_rank();

  // The permutation: a counting sort by expert, in the order of tokens.
  const std::span mine =
      std::span(sent.of).subspan(place_of(place.rank * experts), place_of(experts));
  std::vector<int64_t> next = begins_of(mine), left(mine.begin(), mine.end());
  tokens.resize(place_of(std::accumulate(mine.begin(), mine.end(), int64_t{0})));
  places.assign(chosen.size(), -1);
  for (size_t choice = 0; choice < chosen.size(); ++choice) {
    const size_t expert = place_of(chosen[choice]);
    if (left[expert]-- <= 0) continue;  // beyond the capacity: dropped
    tokens[place_of(next[expert])] = static_cast<int32_t>(choice / place_of(k));
    places[choice] = static_cast<int32_t>(next[expert]++);
  }

  // What goes to the rank that has an expert, and what comes for this rank's own ones.
  const Range own = place.experts_of(place.ep_rank(), experts);
  std::vector<int64_t> arriving;  // [sender][own expert]
  for (int peer = 0; peer < place.ep_size; ++peer) {
    const Range theirs = place.experts_of(peer, experts);
    const auto begin = mine.begin() + theirs.begin;
    rows_to.push_back(std::accumulate(begin, begin + theirs.size(), int64_t{0}));
    for (int64_t expert = own.begin; expert < own.end; ++expert)
      arriving.push_back(sent.at(first_peer + peer, expert));
    const auto last = arriving.end();
    rows_from.push_back(std::accumulate(last - own.size(), last, int64_t{0}));
  }

  // The local sort: from [sender][own expert] to [own expert][sender].
  const std::vector<int64_t> arrival = begins_of(arriving);
  unsorted.resize(place_of(std::accumulate(arriving.begin(), arriving.end(), int64_t{0})));
  for (int64_t expert = 0; expert < own.size(); ++expert) {
    const auto before = std::ssize(sorted);
    for (int64_t peer = 0; peer < place.ep_size; ++peer) {
      const size_t block = place_of(peer * own.size() + expert);
      for (int64_t i = arrival[block]; i < arrival[block] + arriving[block]; ++i) {
        unsorted[place_of(i)] = static_cast<int32_t>(sorted.size());
        sorted.push_back(static_cast<int32_t>(i));
      }
    }
    rows_of.push_back(std::ssize(sorted) - before);
  }
}
//! [21-plan]

}  // namespace shard
