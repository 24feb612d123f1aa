#include "exercises/14_recompute/2_what_does_not_fit.h"

#include <algorithm>
#include <functional>

#include "tests/exercises/support.h"

namespace shard {
namespace {

using Choice = std::vector<bool>;
using Blocks = std::vector<BlockCosts>;

struct Kept {
  int64_t after_forward = 0, most = 0;
  size_t block = 0;  // computed again at the moment of the most, if it is more than after_forward
};

Kept kept_by(const Blocks& blocks, const Choice& again) {
  Kept kept;
  int64_t before = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (again[i] && before + blocks[i].kept > kept.most)
      kept.most = before + blocks[i].kept, kept.block = i;
    before += again[i] ? blocks[i].input : blocks[i].kept;
  }
  kept.after_forward = before;
  kept.most = std::max(kept.most, before);
  return kept;
}

int64_t total(const Blocks& blocks, const Choice& of, int64_t BlockCosts::*cost) {
  int64_t sum = 0;
  for (size_t i = 0; i < blocks.size(); ++i) sum += of[i] ? blocks[i].*cost : 0;
  return sum;
}

Choice choice_of(size_t blocks, uint32_t number) {
  Choice choice;
  for (size_t i = 0; i < blocks; ++i) choice.push_back(number >> i & 1);
  return choice;
}

/// The choice that is accepted with the lowest cost; an empty one if none is.
Choice best(const Blocks& blocks, const std::function<bool(const Choice&)>& accepted,
            const std::function<int64_t(const Choice&)>& cost) {
  Choice found;
  for (uint32_t number = 0; number < 1u << blocks.size(); ++number) {
    const Choice choice = choice_of(blocks.size(), number);
    if (accepted(choice) && (found.empty() || cost(choice) < cost(found))) found = choice;
  }
  return found;
}

/// Blocks are recomputed in this order until the rest fits.
Choice greedy(const Blocks& blocks, int64_t limit, const std::vector<size_t>& order) {
  Choice choice(blocks.size());
  for (const size_t block : order) {
    if (kept_by(blocks, choice).most <= limit) break;
    choice[block] = true;
  }
  return choice;
}

std::vector<size_t> ordered(size_t blocks, const std::function<double(size_t)>& least_first) {
  std::vector<size_t> order;
  for (size_t i = 0; i < blocks; ++i) order.push_back(i);
  std::ranges::stable_sort(order,
                           [&](size_t a, size_t b) { return least_first(a) < least_first(b); });
  return order;
}

std::string shown(const Choice& choice) {
  std::string list;
  for (size_t i = 0; i < choice.size(); ++i)
    if (choice[i]) list += (list.empty() ? "" : ", ") + text(i);
  const auto blocks = std::ranges::count(choice, true);
  return blocks == 0 ? "none" : (blocks == 1 ? "block " : "blocks ") + list;
}

struct Problem {
  std::string name;
  Blocks blocks;
  int64_t limit;

  bool fits(const Choice& choice) const { return kept_by(blocks, choice).most <= limit; }
  int64_t flops(const Choice& choice) const { return total(blocks, choice, &BlockCosts::flops); }
  Choice cheapest() const {
    return best(
        blocks, [&](const Choice& c) { return fits(c); },
        [&](const Choice& c) { return flops(c); });
  }
};

/// What is wrong with a choice that keeps too much.
std::string too_much(const Problem& p, const Choice& got) {
  const Kept kept = kept_by(p.blocks, got);
  int64_t without_inputs = 0;
  for (size_t i = 0; i < got.size(); ++i) without_inputs += got[i] ? 0 : p.blocks[i].kept;
  if (kept.after_forward > p.limit) {
    return text(kept.after_forward, " bytes are kept after the forward pass",
                without_inputs <= p.limit ? ": a block that is recomputed still keeps its input"
                                          : "");
  }
  return text(kept.most, " bytes are kept while block ", kept.block,
              " is computed again: then it has all that it would have kept, and the blocks before "
              "it still have theirs");
}

/// What a mistake chooses; "none" of a limit that it refuses.
struct Rule {
  std::string diagnosis;
  std::function<Choice(const Problem&)> choose;
  bool in_turn =
      false;  // blocks are taken in some order, so the choice itself must be the answer's
};

/// The cheapest of what `accepted` takes for what fits.
Rule misjudging(const std::string& diagnosis,
                const std::function<bool(const Problem&, const Choice&)>& accepted) {
  return {diagnosis, [=](const Problem& p) {
            return best(
                p.blocks, [&](const Choice& c) { return accepted(p, c); },
                [&](const Choice& c) { return p.flops(c); });
          }};
}

/// Blocks are taken in this order until the rest fits.
Rule in_order(const std::string& diagnosis,
              const std::function<double(const BlockCosts&, size_t)>& least_first) {
  return {diagnosis,
          [=](const Problem& p) {
            return greedy(p.blocks, p.limit, ordered(p.blocks.size(), [&](size_t i) {
                            return least_first(p.blocks[i], i);
                          }));
          },
          true};
}

std::vector<Rule> rules() {
  const auto saved = [](const BlockCosts& b) { return static_cast<double>(b.kept - b.input); };
  const auto flops = [](const BlockCosts& b) { return static_cast<double>(b.flops); };
  const auto place = [](size_t i) { return static_cast<double>(i); };
  return {
      {"true means that a block is recomputed, not that it is kept",
       [](const Problem& p) {
         Choice exchanged = p.cheapest();
         exchanged.flip();
         return exchanged;
       }},
      {"all of them are recomputed, although it would fit with fewer",
       [](const Problem& p) {
         const Choice none(p.blocks.size());
         return p.fits(none) ? none : Choice(p.blocks.size(), true);
       },
       true},
      in_order("the blocks are taken from the first on until the rest fits; others may cost less",
               [=](const BlockCosts&, size_t i) { return place(i); }),
      in_order("the blocks are taken from the last on until the rest fits; others may cost less",
               [=](const BlockCosts&, size_t i) { return -place(i); }),
      in_order("the largest blocks are taken first; smaller ones may cost less",
               [=](const BlockCosts& b, size_t) { return -saved(b); }),
      in_order("the cheapest blocks are taken first; one dear block may do for several",
               [=](const BlockCosts& b, size_t) { return flops(b); }),
      in_order(
          "the blocks with the most bytes for a FLOP are taken first: near the limit others may "
          "cost less",
          [=](const BlockCosts& b, size_t) { return flops(b) / saved(b); }),
      misjudging("exactly `limit` bytes are allowed",
                 [](const Problem& p, const Choice& c) {
                   return kept_by(p.blocks, c).most < p.limit;
                 }),
      misjudging("the input of a block that is computed again is part of `kept`: it counts once",
                 [](const Problem& p, const Choice& c) {
                   int64_t before = 0, most = 0;
                   for (size_t i = 0; i < c.size(); ++i) {
                     const BlockCosts& block = p.blocks[i];
                     if (c[i]) most = std::max(most, before + block.kept + block.input);
                     before += c[i] ? block.input : block.kept;
                   }
                   return std::max(most, before) <= p.limit;
                 }),
      misjudging("the blocks after one that is computed again have let go of everything",
                 [](const Problem& p, const Choice& c) {
                   int64_t most = 0;
                   for (size_t i = 0; i < c.size(); ++i)
                     most = std::max(most, c[i] ? p.blocks[i].kept - p.blocks[i].input : 0);
                   return kept_by(p.blocks, c).after_forward + most <= p.limit;
                 }),
      {"the fewest blocks are not the fewest FLOPs", [](const Problem& p) {
         return best(
             p.blocks, [&](const Choice& c) { return p.fits(c); },
             [](const Choice& c) { return std::ranges::count(c, true); });
       }}};
}

/// Whether all answers are those of the rule. Of equal choices it may have taken another.
bool follows(const Rule& rule, const std::vector<Problem>& problems,
             const std::vector<Choice>& answers) {
  for (size_t i = 0; i < problems.size(); ++i) {
    const Choice expected = rule.choose(problems[i]);
    if (answers[i] == expected) continue;
    if (rule.in_turn || answers[i].size() != expected.size()) return false;
    const bool is_equal =
        problems[i].flops(answers[i]) == problems[i].flops(expected) ||
        std::ranges::count(answers[i], true) == std::ranges::count(expected, true);
    if (!is_equal) return false;
  }
  return true;
}

/// What is wrong with the answer to one problem; `rule` is said of one that fits.
std::string diagnosis_of(const Problem& p, const Choice& got, const std::string& rule) {
  const Choice right = p.cheapest();
  if (got.empty()) return text("you refuse it, although recomputing ", shown(right), " fits");
  if (got.size() != p.blocks.size())
    return text("your list has ", got.size(), " entries for ", p.blocks.size(), " blocks");
  if (!p.fits(got)) {
    return text("you recompute ", shown(got),
                ", which does not fit: ", rule.empty() ? too_much(p, got) : rule);
  }
  if (p.flops(got) == p.flops(right)) return "";
  return text("you recompute ", shown(got), " for ", p.flops(got), " FLOPs, where ", shown(right),
              " for ", p.flops(right), " fits, too", rule.empty() ? "" : ": ", rule);
}

void expect_choices(Examiner& examiner, const std::vector<Problem>& problems) {
  std::vector<Choice> answers;
  for (const Problem& problem : problems) {
    try {
      answers.push_back(recomputed_blocks(problem.blocks, problem.limit));
    } catch (const UsageError&) {
      answers.push_back({});
    }
  }
  std::string rule, diagnosis;
  for (const Rule& known : rules()) {
    if (rule.empty() && follows(known, problems, answers)) rule = known.diagnosis;
  }
  for (size_t i = 0; i < problems.size() && diagnosis.empty(); ++i) {
    diagnosis = diagnosis_of(problems[i], answers[i], rule);
    if (!diagnosis.empty())
      diagnosis += text(" (", problems[i].name, ", limit ", problems[i].limit, ")");
  }
  examiner.expect("recomputed_blocks", diagnosis.empty(), diagnosis);
}

}  // namespace

void examine(Examiner& examiner) {
  const Blocks equal(5, {.kept = 100, .input = 10, .flops = 7});
  const Blocks large{{100, 10, 7}, {100, 10, 7}, {180, 10, 12}, {100, 10, 7}},
      head{{100, 10, 7}, {100, 10, 7}, {100, 10, 7}, {290, 10, 25}};
  Blocks random;
  const Matrix numbers = examiner.random_integers(9, 3, "blocks", 40);
  for (int64_t i = 0; i < numbers.rows; ++i) {
    const auto number = [&](int64_t column) {
      return 41 + static_cast<int64_t>(numbers(i, column));
    };
    random.push_back({.kept = 100 + 3 * number(0), .input = 5 + number(1) / 4, .flops = number(2)});
  }
  examiner.attempt("recomputed_blocks", [&] {
    std::vector<Problem> problems;
    for (const int64_t limit : {500, 499, 320, 319, 229, 140})
      problems.push_back({"5 equal blocks", equal, limit});
    for (const int64_t limit : {400, 390, 389, 380, 379, 310, 220, 200})
      problems.push_back({"one larger block", large, limit});
    for (const int64_t limit : {500, 420, 400, 320})
      problems.push_back({"a larger last block", head, limit});
    for (const int64_t limit : {1900, 1600, 1300, 1000, 700})
      problems.push_back({"9 random blocks", random, limit});
    expect_choices(examiner, problems);
  });
  examiner.attempt("too little memory", [&] {
    const auto refused = [&](const Blocks& blocks, int64_t limit) {
      return wrong_refusal<UsageError>(
          [&] { recomputed_blocks(blocks, limit); },
          {.of = text("a limit of ", limit, " bytes"),
           .type = "UsageError, which require_usage() throws",
           .accepted = text("you accept a limit of ", limit, " bytes, although ", limit + 1,
                            " are kept at one moment with all blocks recomputed"),
           .numbers = {text(limit)}});
    };
    const std::string wrong = refused(equal, 139);
    examiner.expect("too little memory is refused", wrong.empty(), wrong);
  });
}

}  // namespace shard
