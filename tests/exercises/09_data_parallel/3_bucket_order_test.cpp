#include "exercises/09_data_parallel/3_bucket_order.h"

#include <algorithm>
#include <numeric>

#include "common/base/counted.h"
#include "tests/exercises/answers.h"

namespace shard {
namespace {

int64_t bytes_in(const std::vector<int>& bucket, const std::vector<int64_t>& bytes) {
  int64_t sum = 0;
  for (int parameter : bucket) sum += bytes[static_cast<size_t>(parameter)];
  return sum;
}

/// What is wrong with the set of parameters in the buckets; "" if each parameter is in one bucket.
std::string wrong_members(const Buckets& buckets, const std::vector<int64_t>& bytes) {
  std::vector<int> seen(bytes.size()), missing;
  for (size_t b = 0; b < buckets.size(); ++b) {
    if (buckets[b].empty() && b > 0 && b + 1 == buckets.size()) {
      return text("your bucket ", b,
                  ", the last, is empty: the one before it was closed when it "
                  "was full, and no parameter was left. Open a bucket for a parameter");
    }
    if (buckets[b].empty()) {
      return text("your bucket ", b,
                  " is empty: a bucket was closed because a parameter did not fit, although it was "
                  "still empty");
    }
    for (int parameter : buckets[b]) {
      if (parameter < 0 || parameter >= std::ssize(bytes)) {
        return text("your bucket ", b, " holds parameter ", parameter, ", but there are only 0 … ",
                    bytes.size() - 1);
      }
      if (seen[static_cast<size_t>(parameter)]++ > 0)
        return text("your buckets hold parameter ", parameter, " twice");
    }
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] == 0) missing.push_back(static_cast<int>(i));
  }
  if (missing.empty()) return "";
  return text("your buckets leave out ", missing.size() == 1 ? "parameter " : "parameters ",
              shown(missing),
              missing.front() == 0
                  ? ": the bucket that is still open when the loop ends belongs to the list, too"
                  : "");
}

/// The mistake in the order of the parameters; "" if it goes from the last to the first.
std::string wrong_order(const Buckets& buckets, size_t parameters) {
  std::vector<int> order;
  for (const auto& bucket : buckets) order.insert(order.end(), bucket.begin(), bucket.end());
  if (std::is_sorted(order.rbegin(), order.rend())) return "";
  if (std::is_sorted(order.begin(), order.end())) {
    return text(
        "your buckets begin with parameter 0: they are filled in the order of the forward pass, "
        "but the ",
        "backward pass finishes parameter ", parameters - 1, " first, and the first bucket last");
  }
  for (size_t b = 0; b < buckets.size(); ++b) {
    if (!std::is_sorted(buckets[b].rbegin(), buckets[b].rend())) {
      return text("your bucket ", b, " is ", shown(buckets[b]),
                  ", not from the last parameter to the first");
    }
    const auto later = [&](const std::vector<int>& bucket) {
      return bucket.front() > buckets[b].back();
    };
    const auto found =
        std::find_if(buckets.begin() + static_cast<ptrdiff_t>(b) + 1, buckets.end(), later);
    if (found != buckets.end()) {
      return text("your bucket ", b, " is ", shown(buckets[b]), ", but parameter ", found->front(),
                  " is in a later bucket: parameter ", buckets[b].back(),
                  " went into an earlier bucket than the current one, which must now wait for a "
                  "gradient that comes late");
    }
  }
  return "your buckets are not in the order in which they were opened";
}

/// What is wrong with the sizes; "" if every bucket is as full as the limit allows.
std::string wrong_sizes(const Buckets& buckets, const std::vector<int64_t>& bytes, int64_t limit) {
  for (size_t b = 0; b < buckets.size(); ++b) {
    const int64_t filled = bytes_in(buckets[b], bytes);
    if (filled > limit && buckets[b].size() > 1) {
      return text("your bucket ", b, " is ", shown(buckets[b]), ", ", filled,
                  " bytes, but the limit is ", limit, ": before parameter ", buckets[b].back(),
                  " was added it held ", filled - bytes[static_cast<size_t>(buckets[b].back())],
                  ". Check whether the next one fits before adding it");
    }
  }
  for (size_t b = 0; b + 1 < buckets.size(); ++b) {
    const int next = buckets[b + 1].front();
    const int64_t with_next = bytes_in(buckets[b], bytes) + bytes[static_cast<size_t>(next)];
    if (with_next <= limit) {
      return text("your bucket ", b, " is ", shown(buckets[b]), ", but parameter ", next,
                  " fits, too: with it there are ", with_next,
                  with_next == limit ? " bytes, exactly the limit"
                                     : text(" bytes of at most ", limit));
    }
  }
  return "";
}

struct Sizes {
  std::string name;
  std::vector<int64_t> bytes;
  int64_t limit;
};

/// Reports the first list that is assigned wrongly.
void expect_buckets(Examiner& examiner, const std::vector<Sizes>& lists) {
  std::string diagnosis;
  for (const Sizes& sizes : lists) {
    if (!diagnosis.empty()) break;
    const Buckets buckets = assign_buckets(sizes.bytes, sizes.limit);
    diagnosis = wrong_members(buckets, sizes.bytes);
    if (diagnosis.empty()) diagnosis = wrong_order(buckets, sizes.bytes.size());
    if (diagnosis.empty()) diagnosis = wrong_sizes(buckets, sizes.bytes, sizes.limit);
    if (!diagnosis.empty()) diagnosis += text(" (", sizes.name, ", limit ", sizes.limit, ")");
  }
  examiner.expect("assign_buckets", diagnosis.empty(), diagnosis);
}

// ---- When buckets start -------------------------------------------------------------------------

enum class Rule { right, any_order, only_its_own, one_at_a_time, first_gradient, at_the_end };

using Moments = std::vector<std::vector<int>>;

/// The answer of the right rule and of wrong ones, by brute force: after each gradient, look at all
/// buckets.
Moments moments_of(const Buckets& buckets, const std::vector<int>& ready, Rule rule) {
  Moments moments;
  std::vector<bool> is_ready(ready.size()), has_started(buckets.size());
  for (int parameter : ready) {
    is_ready[static_cast<size_t>(parameter)] = true;
    moments.emplace_back();
    for (size_t b = 0; b < buckets.size(); ++b) {
      const auto here = [&](int p) { return static_cast<bool>(is_ready[static_cast<size_t>(p)]); };
      const bool complete = std::all_of(buckets[b].begin(), buckets[b].end(), here);
      const bool turn = std::all_of(
          has_started.begin(), has_started.begin() + static_cast<ptrdiff_t>(b), std::identity());
      const bool its_own = std::count(buckets[b].begin(), buckets[b].end(), parameter) > 0;
      bool starts = complete && turn;
      if (rule == Rule::any_order) starts = complete;
      if (rule == Rule::only_its_own) starts = complete && turn && its_own;
      if (rule == Rule::one_at_a_time) starts = complete && turn && moments.back().empty();
      if (rule == Rule::first_gradient)
        starts = turn && std::any_of(buckets[b].begin(), buckets[b].end(), here);
      if (rule == Rule::at_the_end) starts = moments.size() == ready.size();
      if (!starts || has_started[b]) continue;
      has_started[b] = true;
      moments.back().push_back(static_cast<int>(b));
    }
  }
  return moments;
}

/// All orders in one answer, so that a mistake must show itself in each as it would.
std::vector<Moments> moments_of_all(const Buckets& buckets,
                                    const std::vector<std::vector<int>>& orders, Rule rule) {
  std::vector<Moments> all;
  for (const std::vector<int>& ready : orders) all.push_back(moments_of(buckets, ready, rule));
  return all;
}

std::string first_difference(const Buckets& buckets, const std::vector<std::vector<int>>& orders,
                             const std::vector<Moments>& got) {
  for (size_t order = 0; order < orders.size(); ++order) {
    const Moments expected = moments_of(buckets, orders[order], Rule::right);
    const std::string where =
        text(" (buckets ", shown(buckets), ", ready in the order ", shown(orders[order]), ")");
    if (got[order].size() != expected.size()) {
      return text("your buckets_started has ", counted(got[order].size(), "entry", "entries"),
                  " for ", expected.size(), " gradients", where);
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      if (got[order][i] == expected[i]) continue;
      return text("with the gradient of parameter ", orders[order][i],
                  " your buckets_started starts ", shown(got[order][i]), ", expected ",
                  shown(expected[i]), where);
    }
  }
  return "";
}

void expect_moments(Examiner& examiner, const Buckets& buckets,
                    const std::vector<std::vector<int>>& orders) {
  const auto by = [&](Rule rule) { return moments_of_all(buckets, orders, rule); };
  std::vector<Moments> got;
  for (const std::vector<int>& ready : orders) got.push_back(buckets_started(buckets, ready));
  expect_answer<std::vector<Moments>>(
      examiner, "buckets_started", got, by(Rule::right),
      {{"right for one rank on its own: a bucket starts when it is complete, although an earlier "
        "one has not started. Where gradients become ready in another order, another bucket "
        "starts, and the ranks' all-reduces do not match",
        by(Rule::any_order)},
       {"without the buckets that were complete before their turn: when one has started, look at "
        "the next one, too",
        by(Rule::only_its_own)},
       {"too slow: one gradient may release several buckets, all of which start at that moment",
        by(Rule::one_at_a_time)},
       {"too fast: a bucket starts with its first gradient, although the others are not ready",
        by(Rule::first_gradient)},
       {"all buckets with the last gradient: nothing is left of the overlap with the backward pass",
        by(Rule::at_the_end)}},
      first_difference(buckets, orders, got));
}

}  // namespace

void examine(Examiner& examiner) {
  Sizes random{"61 parameters of random sizes", {}, 110};
  for (double value : examiner.random_integers(1, 61, "sizes", 60).values) {
    random.bytes.push_back(61 + static_cast<int64_t>(value));
  }
  const std::vector<int64_t> ten{40, 12, 60, 25, 8, 200, 35, 55, 10, 90}, five{30, 7, 64, 41, 300},
      full{60, 40, 100};  // exactly full at the beginning and at the end
  examiner.attempt("assign_buckets", [&] {
    expect_buckets(examiner, {{"sizes " + shown(ten), ten, 100},
                              {"sizes " + shown(five), five, 100},
                              {"sizes " + shown(full), full, 100},
                              {"sizes {300}", {300}, 100},
                              random});
  });
  examiner.attempt("buckets_started", [&] {
    expect_moments(examiner, {{8, 7}, {6}, {5, 4, 3}, {2, 1}, {0}},
                   {{8, 7, 6, 5, 4, 3, 2, 1, 0},    // from the last to the first
                    {8, 6, 4, 7, 3, 5, 2, 0, 1},    // two buckets are complete before their turn
                    {7, 6, 3, 5, 4, 0, 1, 2, 8}});  // all of them wait for the first
  });
}

}  // namespace shard
