// The answers are compared with the cut for several numbers of ranks and lengths.
#include "exercises/20_context_parallel/2_zigzag_map.h"

#include <algorithm>
#include <functional>
#include <map>

#include "tests/exercises/support.h"

namespace shard {
namespace {

struct Place {
  int64_t context;
  int ranks, rank;
};
using Chunks = std::function<std::vector<Range>(const Place&)>;

std::vector<Range> zigzag(const Place& p) {
  return {part_of(p.context, 2 * p.ranks, p.rank),
          part_of(p.context, 2 * p.ranks, 2 * p.ranks - 1 - p.rank)};
}

// ---- Positions ----------------------------------------------------------------------------------

struct PositionSlip {
  std::string diagnosis;
  Chunks chunks;
};
std::vector<PositionSlip> position_slips() {
  return {
      {"those of a contiguous cut: under a causal mask the last rank has the most to compute",
       [](const Place& p) { return std::vector{part_of(p.context, p.ranks, p.rank)}; }},
      {"those of chunks r and 2c-r: the last chunk has number 2c-1, so that rank 0 has 0 and "
       "2c-1",
       [](const Place& p) {
         const int last = std::min(2 * p.ranks - p.rank, 2 * p.ranks - 1);
         return std::vector{part_of(p.context, 2 * p.ranks, p.rank),
                            p.rank == 0 ? Range{p.context, p.context}
                                        : part_of(p.context, 2 * p.ranks, last)};
       }},
      {"those of chunks r and c+r: rank 0 must have the last chunk, not the middle one",
       [](const Place& p) {
         return std::vector{part_of(p.context, 2 * p.ranks, p.rank),
                            part_of(p.context, 2 * p.ranks, p.ranks + p.rank)};
       }},
      {"those of chunks 2r and 2r+1, which lie side by side: that is a contiguous cut",
       [](const Place& p) {
         return std::vector{part_of(p.context, 2 * p.ranks, 2 * p.rank),
                            part_of(p.context, 2 * p.ranks, 2 * p.rank + 1)};
       }},
      {"with the late chunk first: they are asked for in ascending order",
       [](const Place& p) {
         return std::vector{zigzag(p)[1], zigzag(p)[0]};
       }},
      {"those of the early chunk only", [](const Place& p) { return std::vector{zigzag(p)[0]}; }},
      {"those of the late chunk only", [](const Place& p) { return std::vector{zigzag(p)[1]}; }},
      {"without the last context mod 2c tokens of the sequence: part_of gives the first chunks "
       "one more",
       [](const Place& p) {
         const int64_t each = p.context / (2 * p.ranks), late = 2 * p.ranks - 1 - p.rank;
         return std::vector{Range{p.rank * each, (p.rank + 1) * each},
                            Range{late * each, (late + 1) * each}};
       }},
      {"every c-th position: that is a striped cut, also balanced, but not this one",
       [](const Place& p) {
         std::vector<Range> all;
         for (int64_t at = p.rank; at < p.context; at += p.ranks) all.push_back({at, at + 1});
         return all;
       }}};
}

std::vector<Place> places() {
  std::vector<Place> all;
  for (const auto& [context, ranks] :
       {std::pair{16, 2}, {13, 2}, {12, 3}, {20, 3}, {24, 4}, {31, 4}, {10, 5}, {9, 1}})
    for (int rank = 0; rank < ranks; ++rank) all.push_back({context, ranks, rank});
  return all;
}

std::string name_of(const Place& p) {
  return text("rank ", p.rank, " of ", p.ranks, ", ", p.context, " tokens");
}

std::string positions_diagnosis() {
  std::vector<std::vector<int64_t>> got;
  for (const Place& p : places()) got.push_back(zigzag_positions(p.context, p.ranks, p.rank));
  const auto fits = [&](const Chunks& chunks) {
    for (size_t i = 0; i < got.size(); ++i)
      if (got[i] != numbers_in(chunks(places()[i]))) return false;
    return true;
  };
  if (fits(zigzag)) return "";
  for (const PositionSlip& slip : position_slips())
    if (fits(slip.chunks)) return "your positions are " + slip.diagnosis;
  for (size_t i = 0; i < got.size(); ++i)
    if (got[i] != numbers_in(zigzag(places()[i])))
      return text("your positions of ", name_of(places()[i]), " are not those of its two chunks");
  return "";
}

// ---- Steps --------------------------------------------------------------------------------------

/// How often each score (query, key) is in the rectangles, those that the mask hides left out, and
/// how many rectangles have none.
struct Scores {
  std::map<std::pair<int64_t, int64_t>, int> visible;
  int hidden = 0;
  bool operator==(const Scores&) const = default;
};
Scores scores_of(const std::vector<Rectangle>& rectangles) {
  Scores scores;
  for (const auto& [queries, keys] : rectangles) {
    bool has_any = false;
    for (int64_t query = queries.begin; query < queries.end; ++query)
      for (int64_t key = keys.begin; key < std::min(keys.end, query + 1); ++key)
        ++scores.visible[{query, key}], has_any = true;
    scores.hidden += !has_any;
  }
  return scores;
}

using Step = std::function<std::vector<Rectangle>(const Place&, int step)>;

/// All pairs of chunks, of queries and of the owner's keys, that are wanted.
Step pairs(const std::function<int(const Place&, int)>& owner_in,
           const std::function<bool(const Range& queries, const Range& keys)>& is_wanted,
           const Chunks& chunks = zigzag) {
  return [=](const Place& p, int step) {
    Place owner = p;
    owner.rank = owner_in(p, step);
    std::vector<Rectangle> all;
    for (const Range& queries : chunks(p))
      for (const Range& keys : chunks(owner))
        if (is_wanted(queries, keys)) all.push_back({queries, keys});
    return all;
  };
}

int right_owner(const Place& p, int step) { return (p.rank - step + p.ranks) % p.ranks; }
bool is_seen(const Range& queries, const Range& keys) { return keys.begin < queries.end; }

struct StepSlip {
  std::string diagnosis;
  Step step;
};
std::vector<StepSlip> step_slips() {
  return {
      {"that of rank r + i's keys in step i: keys travel to rank r + 1, so those of r - i are here",
       pairs([](const Place& p, int step) { return (p.rank + step) % p.ranks; }, is_seen)},
      {"that of rank i's keys in step i, on every rank: in step 0 a rank has its own",
       pairs([](const Place&, int step) { return step; }, is_seen)},
      {"that of your own keys in every step: in step i those of rank r - i are here",
       pairs([](const Place& p, int) { return p.rank; }, is_seen)},
      {"that of the keys of the next step: in step 0 a rank has its own",
       pairs([](const Place& p, int step) { return right_owner(p, (step + 1) % p.ranks); },
             is_seen)},
      {"of all pairs of chunks: of one or two the mask hides everything",
       pairs(right_owner, [](const Range&, const Range&) { return true; })},
      {"without the diagonals: a token sees itself, and those before it in its own chunk",
       pairs(right_owner,
             [](const Range& queries, const Range& keys) { return keys.end <= queries.begin; })},
      {"of diagonals only: a late chunk also sees whole chunks before it",
       pairs(right_owner,
             [](const Range& queries, const Range& keys) { return keys.begin == queries.begin; })},
      {"that of a contiguous cut",
       pairs(right_owner, is_seen,
             [](const Place& p) { return std::vector{part_of(p.context, p.ranks, p.rank)}; })},
      {"without the scores of the early chunk's queries",
       [](const Place& p, int step) {
         std::vector<Rectangle> all = pairs(right_owner, is_seen)(p, step);
         std::erase_if(all, [&](const Rectangle& r) { return r.queries == zigzag(p)[0]; });
         return all;
       }},
      {"with queries and keys exchanged",
       [](const Place& p, int step) {
         std::vector<Rectangle> all = pairs(right_owner, is_seen)(p, step);
         for (Rectangle& one : all) std::swap(one.queries, one.keys);
         return all;
       }},
      {"in the wrong half from step r + 1 on: there the late queries see all keys, not all queries "
       "the early keys",
       [](const Place& p, int step) {
         if (step == 0) return pairs(right_owner, is_seen)(p, 0);
         Place owner = p;
         owner.rank = right_owner(p, step);
         return std::vector<Rectangle>{{zigzag(p)[0], zigzag(owner)[0]},
                                       {zigzag(p)[1], zigzag(owner)[0]}};
       }}};
}

std::string steps_diagnosis() {
  struct At {
    Place place;
    int step;
  };
  std::vector<At> all;
  for (const Place& p : places())
    for (int step = 0; step < p.ranks; ++step) all.push_back({p, step});
  std::vector<Scores> got;
  for (const auto& [p, step] : all)
    got.push_back(scores_of(zigzag_step(p.context, p.ranks, p.rank, step)));
  const auto fits = [&](const Step& answer) {
    for (size_t i = 0; i < all.size(); ++i)
      if (got[i] != scores_of(answer(all[i].place, all[i].step))) return false;
    return true;
  };
  const Step right = pairs(right_owner, is_seen);
  if (fits(right)) return "";
  for (const StepSlip& slip : step_slips())
    if (fits(slip.step)) return "your work is " + slip.diagnosis;
  for (size_t i = 0; i < all.size(); ++i) {
    const Scores expected = scores_of(right(all[i].place, all[i].step));
    if (got[i] == expected) continue;
    const std::string where = text(" of ", name_of(all[i].place), ", step ", all[i].step);
    if (std::ranges::any_of(got[i].visible, [](const auto& each) { return each.second > 1; }))
      return "your rectangles" + where + " have a score twice";
    if (got[i].visible == expected.visible)
      return "your rectangles" + where + ": the mask hides all scores of one";
    return text("your rectangles", where, " have ", got[i].visible.size(),
                " scores that the mask leaves, expected ", expected.visible.size());
  }
  return "";
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("zigzag_positions", [&] {
    const std::string diagnosis = positions_diagnosis();
    examiner.expect("the tokens of each rank", diagnosis.empty(), diagnosis);
  });
  if (!examiner.verdict()) return;
  examiner.attempt("zigzag_step", [&] {
    const std::string diagnosis = steps_diagnosis();
    examiner.expect("the scores of each step", diagnosis.empty(), diagnosis);
  });
}

}  // namespace shard
