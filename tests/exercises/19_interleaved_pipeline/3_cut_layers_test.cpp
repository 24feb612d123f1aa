#include "exercises/19_interleaved_pipeline/3_cut_layers.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "common/base/counted.h"
#include "common/base/partition.h"
#include "tests/exercises/answers.h"

namespace shard {
namespace {

struct Case {
  int64_t layers;
  PartCosts costs;
  int stages;
};
using Cut = std::vector<int64_t>;
using CutOf = std::function<Cut(const Case&)>;

int64_t ends_of(const Case& c, int stage) {
  return (stage == 0 ? c.costs.embedding : 0) + (stage == c.stages - 1 ? c.costs.head : 0);
}

int64_t dearest(const Case& c, const Cut& cut) {
  int64_t most = 0;
  for (int stage = 0; stage < c.stages; ++stage)
    most = std::max(most, ends_of(c, stage) + cut[static_cast<size_t>(stage)] * c.costs.layer);
  return most;
}

/// The best of all cuts of the stages from `stage` on, by trying every number of layers.
int64_t best_cost(const Case& c, int stage, int64_t left) {
  if (stage == c.stages - 1) return ends_of(c, stage) + left * c.costs.layer;
  int64_t best = -1;
  for (int64_t own = 0; own <= left; ++own) {
    const int64_t cost =
        std::max(ends_of(c, stage) + own * c.costs.layer, best_cost(c, stage + 1, left - own));
    if (best < 0 || cost < best) best = cost;
  }
  return best;
}

/// As many layers from the first stage on as stay within the lowest limit that suffices.
Cut filled(int64_t layers, const std::vector<int64_t>& ends, int64_t layer, int64_t least = 0) {
  for (int64_t limit = 0;; ++limit) {
    Cut cut;
    int64_t left = layers - least * std::ssize(ends);
    bool fits = true;
    for (const int64_t end : ends) {
      const int64_t room = limit - end - least * layer;
      fits &= room >= 0;
      cut.push_back(least + std::clamp<int64_t>(room / layer, 0, left));
      left -= cut.back() - least;
    }
    if (fits && left <= 0) return cut;
  }
}
Cut filled(const Case& c, int64_t embedding, int64_t head, int64_t least = 0) {
  std::vector<int64_t> ends(static_cast<size_t>(c.stages), 0);
  ends.front() += embedding;
  ends.back() += head;
  return filled(c.layers, ends, c.costs.layer, least);
}

/// ⌊layers / stages⌋ each, and the rest on that stage.
Cut rest_on(const Case& c, bool last) {
  Cut cut(static_cast<size_t>(c.stages), c.layers / c.stages);
  (last ? cut.back() : cut.front()) += c.layers % c.stages;
  return cut;
}

/// part_of with embedding and head as so many layers.
Cut as_layers(const Case& c, int64_t embedding, int64_t head) {
  Cut cut = part_sizes(c.layers + embedding + head, c.stages);
  cut.front() -= embedding;
  cut.back() -= head;
  return cut;
}

/// Each stage takes layers until it costs the mean of all, the last one what is left.
Cut up_to_the_mean(const Case& c) {
  const int64_t all = c.layers * c.costs.layer + c.costs.embedding + c.costs.head;
  Cut cut;
  int64_t left = c.layers;
  for (int stage = 0; stage < c.stages; ++stage) {
    int64_t own = 0;
    while (own < left && (ends_of(c, stage) + own * c.costs.layer) * c.stages < all) ++own;
    if (stage == c.stages - 1) own = left;
    cut.push_back(own);
    left -= own;
  }
  return cut;
}

std::vector<std::pair<std::string, CutOf>> known_wrong() {
  return {
      {"layers only, as even as possible: the head and the embedding cost something, too",
       [](const Case& c) { return part_sizes(c.layers, c.stages); }},
      {"right for a head and an embedding that cost one layer each",
       [](const Case& c) { return as_layers(c, 1, 1); }},
      {"right for a head that costs one layer, and an embedding that costs nothing",
       [](const Case& c) { return as_layers(c, 0, 1); }},
      {"right without the embedding, which the first stage has",
       [](const Case& c) { return filled(c, 0, c.costs.head); }},
      {"right without the head, which the last stage has",
       [](const Case& c) { return filled(c, c.costs.embedding, 0); }},
      {"right for a head on the first stage and an embedding on the last",
       [](const Case& c) { return filled(c, c.costs.head, c.costs.embedding); }},
      {"right for both ends on the first stage",
       [](const Case& c) { return filled(c, c.costs.embedding + c.costs.head, 0); }},
      {"right for both ends on the last stage",
       [](const Case& c) { return filled(c, 0, c.costs.embedding + c.costs.head); }},
      {"equal numbers of layers with the rest on the last stage, which has the head already",
       [](const Case& c) { return rest_on(c, true); }},
      {"equal numbers of layers with the rest on the first stage",
       [](const Case& c) { return rest_on(c, false); }},
      {"full up to the mean cost from the first stage on: what is left for the last one may be far "
       "too much, or nothing",
       up_to_the_mean},
      {"right with one layer on every stage at least: where an end is dear, its stage has none",
       [](const Case& c) { return filled(c, c.costs.embedding, c.costs.head, 1); }}};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{{11, {10, 4, 25}, 4}, {11, {10, 24, 3}, 4}, {7, {6, 1, 20}, 3},
                                     {8, {5, 30, 40}, 4},  {9, {7, 2, 16}, 2},   {5, {4, 3, 6}, 1}};
  return all;
}

std::string shown_case(const Case& c) {
  return text("cut_layers(", c.layers, " layers of ", c.costs.layer, ", embedding ",
              c.costs.embedding, ", head ", c.costs.head, ", ", counted(c.stages, "stage"), ")");
}

/// "" if it is a cut.
std::string not_a_cut(const Case& c, const Cut& cut) {
  if (std::ssize(cut) != c.stages)
    return text("has ", counted(std::ssize(cut), "number"), " for ", counted(c.stages, "stage"));
  if (std::ranges::any_of(cut, [](int64_t own) { return own < 0; }))
    return "has a stage with fewer than no layers";
  const int64_t sum = std::accumulate(cut.begin(), cut.end(), int64_t{0});
  if (sum != c.layers) return text("has ", counted(sum, "layer"), " in all");
  return "";
}

std::string diagnosis_of(const std::vector<Cut>& got) {
  for (const auto& [diagnosis, cut_of] : known_wrong()) {
    bool is_it = true, is_best = true;
    for (size_t i = 0; i < got.size(); ++i) {
      const Case& c = cases()[i];
      const Cut wrong = cut_of(c);
      is_it &= got[i] == wrong;
      is_best &= not_a_cut(c, wrong).empty() && dearest(c, wrong) == best_cost(c, 0, c.layers);
    }
    if (is_it && !is_best) return "your cut_layers is " + diagnosis;
  }
  for (size_t i = 0; i < got.size(); ++i) {
    const Case& c = cases()[i];
    if (const std::string fault = not_a_cut(c, got[i]); !fault.empty())
      return text("your ", shown_case(c), " is ", shown(got[i]), ", which ", fault);
  }
  for (size_t i = 0; i < got.size(); ++i) {
    const Case& c = cases()[i];
    const int64_t cost = dearest(c, got[i]), best = best_cost(c, 0, c.layers);
    if (cost != best) {
      return text("your ", shown_case(c), " is ", shown(got[i]), ", whose dearest stage costs ",
                  cost, "; ", best, " is possible");
    }
  }
  return "";
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("cut_layers", [&] {
    std::vector<Cut> got;
    for (const Case& c : cases()) got.push_back(cut_layers(c.layers, c.costs, c.stages));
    const std::string diagnosis = diagnosis_of(got);
    examiner.expect("cut_layers", diagnosis.empty(), diagnosis);
  });
}

}  // namespace shard
