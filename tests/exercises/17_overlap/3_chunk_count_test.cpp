// The answer is compared with the model on tables that tell the slips apart.
#include "exercises/17_overlap/3_chunk_count.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tests/exercises/support.h"

namespace shard {
namespace {

struct Case {
  std::string name;
  std::vector<ChunkTimes> times;
  int ranks;
  double busy;
};

/// The two limits of one entry.
struct Limits {
  double products, exchanges, last;  // seconds of all, and of the product at the end
};
Limits limits_of(const ChunkTimes& one, int ranks) {
  return {ranks * one.chunks * one.product, (ranks - 1) * one.chunks * one.exchange, one.product};
}

using Model = std::function<double(const ChunkTimes& one, const Case& of)>;

double right(const ChunkTimes& one, const Case& of) {
  const Limits l = limits_of(one, of.ranks);
  return one.chunks == 0 ? one.exchange + one.product
                         : std::max(l.products + of.busy * l.exchanges, l.exchanges + l.last);
}

/// The entry for which `model` is least, of several the one that `comes_first`.
BestChunks least(const Case& of, const Model& model,
                 const std::function<bool(int a, int b)>& comes_first = std::less<>()) {
  BestChunks best{of.times[0].chunks, model(of.times[0], of)};
  for (const ChunkTimes& one : of.times) {
    const double seconds = model(one, of);
    if (seconds < best.seconds || (seconds == best.seconds && comes_first(one.chunks, best.chunks)))
      best = {one.chunks, seconds};
  }
  return best;
}

struct Slip {
  std::string diagnosis;
  std::function<BestChunks(const Case&)> answer;
};

/// Another time of an entry in chunks; without chunks it is right.
Slip wrong_time(const std::string& diagnosis,
                const std::function<double(const Limits&, double busy, const Case&)>& time) {
  const Model model = [=](const ChunkTimes& one, const Case& of) {
    return one.chunks == 0 ? right(one, of) : time(limits_of(one, of.ranks), of.busy, of);
  };
  return {diagnosis, [=](const Case& of) { return least(of, model); }};
}

std::vector<Slip> slips_of_time() {
  return {
      wrong_time(
          "the sum of all products and all exchanges, as if a core were busy with all of each "
          "exchange: in chunks they overlap",
          [](const Limits& l, double, const Case&) { return l.products + l.exchanges; }),
      wrong_time("without the product of the chunk that arrives last, which no exchange can hide",
                 [](const Limits& l, double busy, const Case&) {
                   return std::max(l.products + busy * l.exchanges, l.exchanges);
                 }),
      wrong_time("with t·n exchanges: a rank's own rows do not arrive, so there are (t-1)·n",
                 [](const Limits& l, double busy, const Case& of) {
                   const double exchanges = l.exchanges * of.ranks / (of.ranks - 1);
                   return std::max(l.products + busy * exchanges, exchanges + l.last);
                 }),
      wrong_time("with n products: a rank multiplies all ranks' rows, t·n chunks",
                 [](const Limits& l, double busy, const Case& of) {
                   return std::max(l.products / of.ranks + busy * l.exchanges,
                                   l.exchanges + l.last);
                 }),
      wrong_time("the smaller of the two limits: the slower one decides",
                 [](const Limits& l, double busy, const Case&) {
                   return std::min(l.products + busy * l.exchanges, l.exchanges + l.last);
                 }),
      wrong_time("with 1 - busy instead of busy: busy is the core's share of an exchange",
                 [](const Limits& l, double busy, const Case&) {
                   return std::max(l.products + (1 - busy) * l.exchanges, l.exchanges + l.last);
                 }),
      wrong_time("with a rank's n products after the last exchange: only one is left by then",
                 [](const Limits& l, double busy, const Case& of) {
                   return std::max(l.products + busy * l.exchanges,
                                   l.exchanges + l.products / of.ranks);
                 }),
      {"with t-1 exchanges where nothing is cut: the table has the time of the whole gather",
       [](const Case& of) {
         return least(of, [](const ChunkTimes& one, const Case& in) {
           return one.chunks == 0 ? (in.ranks - 1) * one.exchange + one.product : right(one, in);
         });
       }},
      wrong_time("without the core's share of the exchanges",
                 [](const Limits& l, double, const Case&) {
                   return std::max(l.products, l.exchanges + l.last);
                 }),
      wrong_time("as if the core were the only limit: the link may be slower",
                 [](const Limits& l, double busy, const Case&) {
                   return l.products + busy * l.exchanges;
                 }),
      wrong_time("as if the link were the only limit: the core may be slower",
                 [](const Limits& l, double, const Case&) { return l.exchanges + l.last; }),
      {"the time of one product and one exchange: the table's are those of one chunk",
       [](const Case& of) {
         return least(of, [&](const ChunkTimes& one, const Case&) {
           return one.chunks == 0
                      ? one.exchange + one.product
                      : std::max(one.product + of.busy * one.exchange, one.exchange + one.product);
         });
       }}};
}

std::vector<Slip> slips_of_choice() {
  const auto by_rule = [](const Case& of, const auto& is_better) {
    ChunkTimes best = of.times[0];
    for (const ChunkTimes& one : of.times)
      if (is_better(one, best)) best = one;
    return BestChunks{best.chunks, right(best, of)};
  };
  return {
      {"right where one way is the fastest; of several with the same time, the fewest chunks are "
       "asked for",
       [](const Case& of) { return least(of, right, std::greater<>()); }},
      {"right where one way is the fastest; of several with the same time, the fewest chunks are "
       "asked for, not the first in the table",
       [](const Case& of) { return least(of, right, [](int, int) { return false; }); }},
      {"never 0: one all-gather and one product may be the fastest",
       [](const Case& of) {
         Case others = of;
         std::erase_if(others.times, [](const ChunkTimes& one) { return one.chunks == 0; });
         return others.times.empty() ? BestChunks{0, 0} : least(others, right);
       }},
      {"0 too often: without chunks nothing overlaps, so its time is the sum of both",
       [](const Case& of) {
         return least(of, [](const ChunkTimes& one, const Case& in) {
           return one.chunks == 0 ? std::max(one.exchange, one.product) : right(one, in);
         });
       }},
      {"always that with the most chunks: each costs something",
       [=](const Case& of) {
         return by_rule(of, [](const auto& a, const auto& b) { return a.chunks > b.chunks; });
       }},
      {"that of the slowest way: look for the least time",
       [](const Case& of) {
         const BestChunks most =
             least(of, [](const ChunkTimes& one, const Case& in) { return -right(one, in); });
         return BestChunks{most.chunks, -most.seconds};
       }},
      {"a position in the table instead of the number of chunks that stands there",
       [](const Case& of) {
         const BestChunks best = least(of, right);
         const auto place = std::ranges::find(of.times, best.chunks, &ChunkTimes::chunks);
         return BestChunks{static_cast<int>(place - of.times.begin()), best.seconds};
       }},
      {"the first whose successor is slower: the table is in any order", [](const Case& of) {
         size_t i = 0;
         while (i + 1 < of.times.size() && right(of.times[i + 1], of) <= right(of.times[i], of))
           ++i;
         return BestChunks{of.times[i].chunks, right(of.times[i], of)};
       }}};
}

std::vector<Slip> all_slips() {
  std::vector<Slip> all = slips_of_time();
  for (Slip& slip : slips_of_choice()) all.push_back(slip);
  return all;
}

bool same(const BestChunks& a, const BestChunks& b) {
  return a.chunks == b.chunks && std::abs(a.seconds - b.seconds) <= 1e-9 * std::abs(b.seconds);
}

/// n chunks of a product and an exchange with fixed costs, as lines of the chapter have them.
ChunkTimes chunks(int n, int ranks, double product, double exchange, double fixed_product,
                  double fixed_exchange) {
  if (n == 0) return {0, fixed_product + product, fixed_exchange + (ranks - 1) * exchange / ranks};
  return {n, fixed_product + product / (ranks * n), fixed_exchange + exchange / (ranks * n)};
}

std::vector<Case> cases(const Examiner& examiner) {
  std::vector<Case> all{
      // The split in product and gather is ours; 301 and 354 µs are published.
      {"PyTorch's pull request 143160", {{0, 200e-6, 101e-6}, {1, 44.25e-6, 10e-6}}, 8, 0},
      {"two ways as fast", {{2, 2, 2}, {4, 1, 1}, {1, 4, 4}}, 2, 1},
      {"one way only", {{3, 0.5, 0.25}}, 3, 0.5}};
  const auto add = [&](const std::string& name, int ranks, double busy, double product,
                       double exchange, double fixed_product, double fixed_exchange) {
    Case one{name, {}, ranks, busy};
    for (int n : {8, 0, 2, 16, 1, 4})
      one.times.push_back(chunks(n, ranks, product, exchange, fixed_product, fixed_exchange));
    all.push_back(one);
  };
  const double a_little = 1e-6 * (1 + examiner.random(1, 1, "times").values[0] / 10);
  add("many rows", 4, 0.25, 4e-3, 5e-3, 20 * a_little, 10 * a_little);
  add("few rows", 4, 0.25, 40e-6, 50e-6, 20 * a_little, 10 * a_little);
  add("a slow link", 3, 0.1, 1e-3, 9e-3, 20 * a_little, 30 * a_little);
  add("a core that copies", 2, 1, 1e-3, 1e-3, 5 * a_little, 5 * a_little);
  return all;
}

std::string shown(const BestChunks& best) {
  return text(best.chunks, best.chunks == 1 ? " chunk, " : " chunks, ", best.seconds, " s");
}

}  // namespace

void examine(Examiner& examiner) {
  const std::vector<Case> all = cases(examiner);
  std::vector<BestChunks> got;
  for (const Case& one : all) got.push_back(best_chunks(one.times, one.ranks, one.busy));
  const auto fits = [&](const std::function<BestChunks(const Case&)>& answer) {
    for (size_t i = 0; i < all.size(); ++i)
      if (!same(got[i], answer(all[i]))) return false;
    return true;
  };
  std::string diagnosis;
  if (!fits([](const Case& of) { return least(of, right); })) {
    for (const Slip& slip : all_slips())
      if (diagnosis.empty() && fits(slip.answer)) diagnosis = "your choice is " + slip.diagnosis;
    for (size_t i = 0; diagnosis.empty() && i < all.size(); ++i) {
      const BestChunks expected = least(all[i], right);
      if (!same(got[i], expected))
        diagnosis = text("your choice for ", all[i].name, " is ", shown(got[i]), ", expected ",
                         shown(expected));
    }
  }
  examiner.expect("the best number of chunks in " + text(all.size(), " tables"), diagnosis.empty(),
                  diagnosis);
}

}  // namespace shard
