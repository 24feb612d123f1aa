// The answer's layouts are compared with the best of all possible ones, and with those that known
// mistakes choose. The functions that it is given note what they are asked.
#include "exercises/23_planner/3_choose_a_layout.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>

#include "common/base/counted.h"
#include "tests/exercises/support.h"

namespace shard {
namespace {

std::string shown(const Layout& one) {
  return text("tp=", one.tp, ", pp=", one.pp, ", dp=", one.dp, ", micro_batch=", one.micro_batch);
}

/// Why it is impossible; "" if it is not.
std::string impossible(const Training& job, const Layout& one) {
  if (std::min({one.tp, one.pp, one.dp, one.micro_batch}) < 1) return "has a size below 1";
  if (one.tp * one.pp * one.dp != job.devices) {
    return text("has ", one.tp * one.pp * one.dp, " ranks: ", job.devices,
                " devices are to be used, no more and no fewer");
  }
  if (one.tp > job.node) return text("has more tp ranks than a node has devices, ", job.node);
  if (job.node % one.tp != 0) {
    return text("has a tp group on two nodes: tp must divide a node's ", job.node,
                " devices, not only be smaller");
  }
  if (job.heads % one.tp != 0) return text("has a tp that does not divide ", job.heads, " heads");
  if (job.layers % one.pp != 0)
    return text("has a pp that does not divide ", job.layers, " layers");
  if (job.batch % one.dp != 0) return text("has a dp that does not divide a batch of ", job.batch);
  if (job.batch / one.dp % one.micro_batch != 0) {
    return text("has a micro-batch that does not divide the ", job.batch / one.dp,
                " sequences of a data-parallel rank");
  }
  return "";
}

struct Problem {
  std::string name;
  Training job;
  BytesOf bytes_of;
  SecondsOf seconds_of;
  std::vector<Layout> possible{};  // in the order of tp, pp and micro_batch

  int64_t limit() const { return job.memory_gb * 1'000'000'000; }
  bool fits(const Layout& one) const { return bytes_of(one) <= limit(); }
};

std::vector<Layout> possible_layouts(const Training& job) {
  std::vector<Layout> all;
  for (int64_t tp = 1; tp <= job.node; ++tp) {
    for (int64_t pp = 1; pp <= job.layers; ++pp) {
      if (job.devices % (tp * pp) != 0) continue;
      const int64_t dp = job.devices / (tp * pp);
      for (int64_t micro_batch = 1; micro_batch * dp <= job.batch; ++micro_batch) {
        const Layout one{tp, pp, dp, micro_batch};
        if (impossible(job, one).empty()) all.push_back(one);
      }
    }
  }
  return all;
}

using Choice = std::optional<Layout>;  // nothing: refused
using Accepts = std::function<bool(const Problem&, const Layout&)>;
/// The numbers that are compared, one after the other: less comes first.
using Costs = std::vector<double>;
template <class... Numbers>
Costs costs(Numbers... numbers) {
  return {static_cast<double>(numbers)...};
}
using Cost = std::function<Costs(const Problem&, const Layout&)>;

bool fits(const Problem& p, const Layout& one) { return p.fits(one); }

/// Then follows the order of possible_layouts().
Costs cost(const Problem& p, const Layout& one) {
  return costs(p.seconds_of(one), p.bytes_of(one));
}

/// The first of those with the least cost.
Choice best(const Problem& p, const Accepts& accepts = fits, const Cost& cost_of = cost) {
  Choice found;
  for (const Layout& one : p.possible)
    if (accepts(p, one) && (!found || cost_of(p, one) < cost_of(p, *found))) found = one;
  return found;
}

/// What a mistake chooses. Reported as: "your layout is " + diagnosis.
struct Rule {
  std::string diagnosis;
  std::function<Choice(const Problem&)> choose;
};

Rule accepting(const std::string& diagnosis, const Accepts& accepts) {
  return {diagnosis, [=](const Problem& p) { return best(p, accepts); }};
}
/// Of those that fit and are tried.
Rule trying(const std::string& diagnosis,
            const std::function<bool(const Training&, const Layout&)>& tried) {
  return accepting(diagnosis, [=](const Problem& p, const Layout& one) {
    return p.fits(one) && tried(p.job, one);
  });
}
Rule comparing(const std::string& diagnosis, const Cost& cost_of) {
  return {diagnosis, [=](const Problem& p) { return best(p, fits, cost_of); }};
}

bool is_power_of_two(int64_t number) { return std::has_single_bit(static_cast<uint64_t>(number)); }

std::vector<Rule> rules_of_memory() {
  const auto any = [](const Problem&, const Layout&) { return true; };
  return {
      accepting("one for GB of 2³⁰ bytes: a GB has 10⁹, and 2³⁰ are a GiB",
                [](const Problem& p, const Layout& one) {
                  return p.bytes_of(one) <= p.job.memory_gb << 30;
                }),
      accepting("one for less memory than there is: exactly the device's memory is enough",
                [](const Problem& p, const Layout& one) { return p.bytes_of(one) < p.limit(); }),
      accepting("the fastest of all, whether it fits or not", any),
      accepting("one for the memory of all devices together: bytes_of is that of one device",
                [](const Problem& p, const Layout& one) {
                  return p.bytes_of(one) <= p.limit() * p.job.devices;
                }),
      {"the fastest of all where it fits, and otherwise refused: a slower one may fit",
       [=](const Problem& p) {
         const Choice fastest = best(p, any);
         return fastest && p.fits(*fastest) ? fastest : std::nullopt;
       }}};
}

std::vector<Rule> rules_of_choice() {
  return {
      comparing("the slowest that fits",
                [](const Problem& p, const Layout& one) { return costs(-p.seconds_of(one)); }),
      comparing("the one with the fewest bytes: the fastest of those that fit is asked for",
                [](const Problem& p, const Layout& one) {
                  return costs(p.bytes_of(one), p.seconds_of(one));
                }),
      comparing("the first that fits: a later one may be faster",
                [](const Problem&, const Layout&) { return costs(); }),
      comparing("the fastest of those with the smallest tp · pp that fits: more of it may be "
                "faster",
                [](const Problem& p, const Layout& one) {
                  return costs(one.tp * one.pp, p.seconds_of(one), p.bytes_of(one));
                }),
      comparing("the fastest of those with the smallest tp that fits: a larger one may be faster",
                [](const Problem& p, const Layout& one) {
                  return costs(one.tp, p.seconds_of(one), p.bytes_of(one));
                }),
      comparing("right but for ties. Of several with the same time, that with the fewest bytes is "
                "asked for",
                [](const Problem& p, const Layout& one) { return costs(p.seconds_of(one)); }),
      comparing("right but for ties. Of several with the same time and bytes, the smallest tp is "
                "asked for, then the smallest pp",
                [](const Problem& p, const Layout& one) {
                  return costs(p.seconds_of(one), p.bytes_of(one), one.pp, one.tp);
                }),
      {"right but for ties. Of several with the same time and bytes, the smallest tp is asked for, "
       "then pp, then micro-batch",
       [](Problem p) {
         std::ranges::reverse(p.possible);
         return best(p);
       }}};
}

std::vector<Rule> rules_of_search() {
  return {
      trying("always one with a micro-batch of 1: larger ones make larger products",
             [](const Training&, const Layout& one) { return one.micro_batch == 1; }),
      trying("always one whose step is one micro-batch: smaller ones hide a pipeline's bubble",
             [](const Training& job, const Layout& one) {
               return one.dp * one.micro_batch == job.batch;
             }),
      trying("always made of powers of two: every divisor is possible",
             [](const Training&, const Layout& one) {
               return is_power_of_two(one.tp) && is_power_of_two(one.pp) &&
                      is_power_of_two(one.dp) && is_power_of_two(one.micro_batch);
             }),
      trying("always one whose micro-batch is a power of two: every divisor is possible",
             [](const Training&, const Layout& one) { return is_power_of_two(one.micro_batch); }),
      trying(
          "never one with fewer micro-batches than stages: it has a longer bubble, and is possible",
          [](const Training& job, const Layout& one) {
            return job.batch / (one.dp * one.micro_batch) >= one.pp;
          }),
      trying("never one whose micro-batches are not a multiple of its stages: only an interleaved "
             "schedule may ask for that",
             [](const Training& job, const Layout& one) {
               return job.batch / (one.dp * one.micro_batch) % one.pp == 0;
             }),
      trying("never one with tp = 1, which is possible",
             [](const Training&, const Layout& one) { return one.tp > 1; }),
      trying("never one with pp = 1, which is possible",
             [](const Training&, const Layout& one) { return one.pp > 1; }),
      trying("never one with dp = 1, which is possible",
             [](const Training&, const Layout& one) { return one.dp > 1; }),
      trying("never one whose tp is a whole node, which is possible",
             [](const Training& job, const Layout& one) { return one.tp < job.node; }),
      trying("always one whose tp is as large as possible: a smaller one may be faster",
             [](const Training& job, const Layout& one) {
               for (int64_t tp = one.tp + 1; tp <= job.node; ++tp) {
                 if (job.node % tp == 0 && job.heads % tp == 0 && job.devices % tp == 0)
                   return false;
               }
               return true;
             }),
      trying("never one with a stage for each layer, which is possible",
             [](const Training& job, const Layout& one) { return one.pp < job.layers; }),
      trying("never one whose tp · pp has more ranks than a node: only tp must stay in a node",
             [](const Training& job, const Layout& one) { return one.tp * one.pp <= job.node; })};
}

/// What the answer did with a problem.
struct Answer {
  Choice choice;
  std::vector<Layout> asked;  // about bytes or seconds
};

Answer answer_to(const Problem& p) {
  Answer answer;
  // An impossible layout is noted, and gets a number that nobody would choose.
  const auto note = [&](const Layout& one) {
    answer.asked.push_back(one);
    return impossible(p.job, one).empty();
  };
  try {
    answer.choice = fastest_layout(
        p.job,
        [&](const Layout& one) {
          return note(one) ? p.bytes_of(one) : std::numeric_limits<int64_t>::max();
        },
        [&](const Layout& one) { return note(one) ? p.seconds_of(one) : 1e99; });
  } catch (const UsageError&) {
  }
  return answer;
}

/// What is wrong with a layout that was asked about or returned; "" if nothing is.
std::string impossible_in(const Problem& p, const Answer& answer) {
  for (const Layout& one : answer.asked) {
    const std::string why = impossible(p.job, one);
    if (!why.empty()) return text("you ask about ", shown(one), ", which ", why);
  }
  if (!answer.choice) return "";
  const std::string why = impossible(p.job, *answer.choice);
  return why.empty() ? "" : text("your layout is ", shown(*answer.choice), ", which ", why);
}

std::string said(const Problem& p) {
  return text(" (", p.name, ": ", counted(p.job.devices, "device"), " in nodes of ", p.job.node,
              ", ", p.job.layers, " layers, ", p.job.heads, " heads, a batch of ", p.job.batch,
              ")");
}

/// What is wrong with the answer to one problem, if no rule explains it.
std::string difference(const Problem& p, const Answer& answer) {
  const Choice right = best(p), got = answer.choice;
  if (got == right) return "";
  if (!got) return text("you refuse it, although ", shown(*right), " fits");
  if (!p.fits(*got)) {
    return text("your layout ", shown(*got), " needs ", p.bytes_of(*got), " bytes, where ",
                p.limit(), " are there");
  }
  const std::string expected = text(", expected ", shown(*right), " with ", p.seconds_of(*right),
                                    " s and ", p.bytes_of(*right), " bytes");
  const bool asked = std::ranges::count(answer.asked, *right) > 0;
  return text("your layout is ", shown(*got), " with ", p.seconds_of(*got), " s and ",
              p.bytes_of(*got), " bytes", expected, asked ? "" : ", about which you never ask");
}

/// The mistake that chooses what the answer has chosen for all problems; "" if none does.
std::string rule_of(const std::vector<Problem>& problems, const std::vector<Answer>& answers) {
  for (const auto& rules : {rules_of_memory(), rules_of_choice(), rules_of_search()}) {
    for (const Rule& rule : rules) {
      bool follows = true;
      for (size_t i = 0; follows && i < problems.size(); ++i)
        follows = answers[i].choice == rule.choose(problems[i]);
      if (follows) return "your layout is " + rule.diagnosis;
    }
  }
  return "";
}

std::string diagnosis_of(const std::vector<Problem>& problems) {
  std::vector<Answer> answers;
  std::string first_difference;
  for (const Problem& p : problems) {
    answers.push_back(answer_to(p));
    const std::string wrong = impossible_in(p, answers.back());
    if (!wrong.empty()) return wrong;
    if (!first_difference.empty()) continue;
    first_difference = difference(p, answers.back());
    if (!first_difference.empty()) first_difference += said(p);
  }
  if (first_difference.empty()) return "";
  const std::string rule = rule_of(problems, answers);
  return rule.empty() ? first_difference : rule;
}

void expect_choices(Examiner& examiner, const std::vector<Problem>& problems) {
  const std::string diagnosis = diagnosis_of(problems);
  examiner.expect(text("layouts of ", problems.size(), " problems"), diagnosis.empty(), diagnosis);
}

/// A number from 0 to count - 1 that seems random.
int64_t any_of(const Layout& one, int64_t seed, int64_t count) {
  uint64_t bits = static_cast<uint64_t>(seed);
  for (const int64_t size : {one.tp, one.pp, one.dp, one.micro_batch}) {
    bits = (bits ^ static_cast<uint64_t>(size)) * 0x9e3779b97f4a7c15u;
    bits ^= bits >> 29;
  }
  return static_cast<int64_t>(bits >> 8) % count;
}

/// Bytes of few values, among them exactly the limit and a little more than it; seconds of so few
/// that there are ties.
Problem random_problem(const std::string& name, const Training& job, int64_t seed,
                       int64_t different_seconds) {
  const std::vector<int64_t> thousandths{600, 850, 1000, 1000, 1001, 1050, 1200, 7000, 60000};
  const auto bytes = [=](const Layout& one) {
    const auto which = static_cast<size_t>(any_of(one, seed, std::ssize(thousandths)));
    return job.memory_gb * 1'000'000 * thousandths[which];
  };
  const auto seconds = [=](const Layout& one) {
    return 1 + 0.25 * any_of(one, seed + 1, different_seconds);
  };
  return {name, job, bytes, seconds, possible_layouts(job)};
}

/// A rough planner: weights, and activations of the micro-batches in flight; a step with a bubble,
/// slower products of small micro-batches, sums over tp and over dp.
Problem planned_problem(const std::string& name, const Training& job, double gb_of_weights) {
  const auto micro_batches = [=](const Layout& one) {
    return job.batch / (one.dp * one.micro_batch);
  };
  const auto bytes = [=](const Layout& one) {
    const int64_t in_flight = std::min(one.pp, micro_batches(one));
    const double activations = 0.1 * job.layers * one.micro_batch * in_flight;
    return static_cast<int64_t>(1e9 * (gb_of_weights + activations) / (one.tp * one.pp));
  };
  const auto seconds = [=](const Layout& one) {
    const double sequence = 1.0 / one.tp + 0.2 / one.micro_batch + 0.08 * (one.tp - 1);
    const double pass = sequence * one.micro_batch * job.layers / one.pp;
    const double sums = 0.05 * gb_of_weights / (one.tp * one.pp) * (one.dp - 1) / one.dp;
    return (micro_batches(one) + one.pp - 1) * pass + sums;
  };
  return {name, job, bytes, seconds, possible_layouts(job)};
}

std::vector<Problem> all_problems(int64_t seed) {
  const Training one_device{
      .layers = 4, .heads = 4, .batch = 6, .devices = 1, .node = 8, .memory_gb = 80},
      one_node{.layers = 12, .heads = 12, .batch = 24, .devices = 8, .node = 8, .memory_gb = 40},
      six_a_node{.layers = 18, .heads = 36, .batch = 36, .devices = 18, .node = 6, .memory_gb = 16},
      uneven{.layers = 10, .heads = 24, .batch = 60, .devices = 24, .node = 8, .memory_gb = 32},
      few_heads{.layers = 24, .heads = 6, .batch = 48, .devices = 48, .node = 12, .memory_gb = 80},
      large{.layers = 96, .heads = 96, .batch = 3072, .devices = 16384, .node = 8, .memory_gb = 80},
      small_batch{.layers = 16, .heads = 8, .batch = 4, .devices = 32, .node = 8, .memory_gb = 80};
  std::vector<Problem> problems{planned_problem("a small model", one_device, 4),
                                planned_problem("a model that fits on one device", one_node, 12),
                                planned_problem("a model that needs a node", one_node, 150),
                                planned_problem("nodes of six", six_a_node, 90),
                                planned_problem("a batch smaller than the number of devices",
                                                small_batch, 600),
                                planned_problem("thousands of devices", large, 3000)};
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t other = seed + 100 * i;
    problems.push_back(random_problem("nodes of six", six_a_node, other + 1, 40));
    problems.push_back(random_problem("a batch of 60", uneven, other + 2, 40));
    problems.push_back(random_problem("few heads", few_heads, other + 3, 40));
    problems.push_back(random_problem("a batch of 4", small_batch, other + 4, 10));
    problems.push_back(random_problem("the same time for several", one_node, other + 5, 2));
    problems.push_back(random_problem("the same time for several", few_heads, other + 6, 2));
  }
  std::erase_if(problems, [](const Problem& p) { return !best(p); });
  return problems;
}

void expect_refusals(Examiner& examiner) {
  const Training job{
      .layers = 12, .heads = 12, .batch = 24, .devices = 8, .node = 8, .memory_gb = 70};
  const auto bytes = [](const Layout& one) {
    return int64_t{80'000'012'000} + 1000 * (one.tp - 4) * (one.tp - 4) + one.micro_batch;
  };
  const auto seconds = [](const Layout& one) { return 1.0 / one.tp; };
  const std::string type = "UsageError, which require_usage() throws";
  const std::string fits = wrong_refusal<UsageError>(
      [&] { fastest_layout(job, bytes, seconds); },
      {.of = "a model that needs at least 80000012001 bytes on devices of 70 GB",
       .type = type,
       .accepted = "you return a layout of a model that needs at least 80000012001 bytes on "
                   "devices of 70 GB",
       .numbers = {"80000012001", "70"}});
  examiner.expect("a model that does not fit is refused", fits.empty(), fits);

  Training prime = job;
  prime.devices = 11;
  const auto never = [&](const Layout& one) {
    examiner.expect("", false,
                    text("you ask about ", shown(one), ", which ", impossible(prime, one)));
    return 0;
  };
  const std::string possible = wrong_refusal<UsageError>(
      [&] { fastest_layout(prime, never, never); },
      {.of = "11 devices, for which no layout is possible",
       .type = type,
       .accepted = "you return a layout of 11 devices, for which none is possible: 11 divides "
                   "neither a node's devices nor the layers nor the batch",
       .numbers = {"11"}});
  examiner.expect("devices without a possible layout are refused", possible.empty(), possible);
}

}  // namespace

void examine(Examiner& examiner) {
  const int64_t seed = static_cast<int64_t>(examiner.random_integers(1, 1, "seed", 1000).values[0]);
  examiner.attempt("fastest_layout", [&] { expect_choices(examiner, all_problems(seed + 1000)); });
  if (!examiner.verdict()) return;
  examiner.attempt("nothing fits", [&] { expect_refusals(examiner); });
}

}  // namespace shard
