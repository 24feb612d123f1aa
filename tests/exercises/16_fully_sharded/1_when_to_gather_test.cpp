#include "exercises/16_fully_sharded/1_when_to_gather.h"

#include <algorithm>

#include "common/base/counted.h"
#include "tests/exercises/answers.h"

namespace shard {
namespace {

const char* name_of(Act act) {
  switch (act) {
    case Act::gather: return "gather";
    case Act::forward: return "forward";
    case Act::backward: return "backward";
    case Act::scatter: return "scatter";
    case Act::free: return "free";
  }
  return "?";
}

std::string shown(const Event& event) { return text(name_of(event.act), " ", event.unit); }

std::string shown(const std::vector<Event>& events) {
  std::string all;
  for (const Event& event : events) all += (all.empty() ? "" : ", ") + shown(event);
  return all.empty() ? "nothing" : all;
}

// ---- The right order, by what each pass needs ---------------------------------------------------

/// The visits of a step: each unit once forward and once backward, but the last only once.
std::vector<Event> passes_of(int units) {
  std::vector<Event> passes;
  for (int unit = 0; unit < units; ++unit) passes.push_back({Act::forward, unit});
  for (int unit = units; unit-- > 0;) passes.push_back({Act::backward, unit});
  return passes;
}

std::vector<Event> right_order(int units, bool prefetch) {
  const std::vector<Event> passes = passes_of(units);
  std::vector<Event> events;
  const auto gather_for = [&](size_t pass) {  // unless the unit is the one of the pass before
    if (pass >= passes.size() || (pass > 0 && passes[pass - 1].unit == passes[pass].unit)) return;
    events.push_back({Act::gather, passes[pass].unit});
  };
  for (size_t i = 0; i < passes.size(); ++i) {
    if (!prefetch || i == 0) gather_for(i);
    if (prefetch) gather_for(i + 1);
    events.push_back(passes[i]);
    if (passes[i].act == Act::backward) events.push_back({Act::scatter, passes[i].unit});
    const bool is_kept = i + 1 < passes.size() && passes[i + 1].unit == passes[i].unit;
    if (!is_kept) events.push_back({Act::free, passes[i].unit});
  }
  return events;
}

int64_t right_most(const std::vector<Event>& events, const std::vector<int64_t>& elements) {
  int64_t most = 0;
  for (size_t end = 1; end <= events.size(); ++end) {
    int64_t gathered = 0;
    for (size_t i = 0; i < end; ++i) {
      const int64_t size = elements[static_cast<size_t>(events[i].unit)];
      if (events[i].act == Act::gather) gathered += size;
      if (events[i].act == Act::free) gathered -= size;
    }
    most = std::max(most, gathered);
  }
  return most;
}

// ---- What is wrong with an order ----------------------------------------------------------------

int64_t count(const std::vector<Event>& events, Act act) {
  return std::ranges::count(events, act, &Event::act);
}

/// The passes, scatters and frees are those of any schedule; "" if they are.
std::string wrong_passes(const std::vector<Event>& events, int units) {
  for (const Event& event : events) {
    if (event.unit < 0 || event.unit >= units)
      return text("it has '", shown(event), "', but there are only units 0 … ", units - 1);
  }
  std::vector<Event> passes;
  std::ranges::copy_if(events, std::back_inserter(passes), [](const Event& event) {
    return event.act == Act::forward || event.act == Act::backward;
  });
  if (passes == passes_of(units)) return "";
  std::vector<Event> backward_forwards;
  for (int unit = 0; unit < units; ++unit) backward_forwards.push_back({Act::forward, unit});
  for (int unit = 0; unit < units; ++unit) backward_forwards.push_back({Act::backward, unit});
  if (passes == backward_forwards)
    return "its backward pass begins with unit 0, in which it must end";
  return text("its passes are ", shown(passes));
}

/// Follows the weights through the events; "" if each pass finds them.
std::string wrong_weights(const std::vector<Event>& events, int units) {
  std::vector<bool> there(static_cast<size_t>(units));
  for (size_t i = 0; i < events.size(); ++i) {
    const auto unit = static_cast<size_t>(events[i].unit);
    switch (events[i].act) {
      case Act::gather:
        if (there[unit]) return text("it gathers unit ", unit, " while its weights are there");
        there[unit] = true;
        break;
      case Act::forward:
      case Act::backward:
        if (!there[unit])
          return text("its '", shown(events[i]), "' has no weights: they are gathered ",
                      std::ranges::count(events.begin(), events.begin() + static_cast<ptrdiff_t>(i),
                                         Event{Act::gather, events[i].unit}) > 0
                          ? "before, but freed since"
                          : "after it or never");
        break;
      case Act::scatter:
        if (std::find(events.begin(), events.begin() + static_cast<ptrdiff_t>(i),
                      Event{Act::backward, events[i].unit}) ==
            events.begin() + static_cast<ptrdiff_t>(i))
          return text("it scatters the gradients of unit ", unit,
                      " before the backward pass has computed them");
        break;
      case Act::free:
        if (!there[unit]) return text("it frees unit ", unit, " twice");
        there[unit] = false;
        break;
    }
  }
  const auto left = std::ranges::find(there, true);
  if (left == there.end()) return "";
  return text("unit ", left - there.begin(), " is never freed");
}

/// What costs memory or time, though every number is right; "" if nothing does.
std::string wrong_moments(const std::vector<Event>& events, int units, bool prefetch) {
  const int64_t gathers = count(events, Act::gather);
  if (count(events, Act::scatter) != units) {
    return text("it has ", counted(count(events, Act::scatter), "scatter"), " for ",
                counted(units, "unit"));
  }
  if (gathers == 2 * units) {
    return text("it gathers ", gathers, " times, not ", 2 * units - 1,
                ": the last unit is freed after its forward pass, although its backward pass "
                "follows at once");
  }
  if (gathers == units && units > 1) {
    return text("it gathers only ", units,
                " times: the weights stay from the forward pass to the backward pass, and before "
                "that begins all units are there at the same time");
  }
  const std::vector<int64_t> ones(static_cast<size_t>(units), 1);
  const int64_t most = right_most(events, ones),
                allowed = right_most(right_order(units, prefetch), ones);
  if (most < allowed) {
    return text("it never has the weights of more than ", counted(most, "unit"),
                ": the next unit's gather starts only after a pass, so nothing is prefetched");
  }
  if (most > allowed) {
    return text("it has the weights of ", most, " units at one time, where ", allowed,
                prefetch ? " are enough: one that is used, and the next one"
                         : " is enough without prefetch");
  }
  return "";
}

/// For an order that does the right things at wrong moments.
std::string first_difference(const std::vector<Event>& events, const std::vector<Event>& right) {
  const auto [got, expected] = std::ranges::mismatch(events, right);
  if (expected == right.end()) return text("it goes on after '", shown(right.back()), "'");
  const auto position = expected - right.begin();
  if (got == events.end()) return text("it ends before '", shown(*expected), "'");
  std::string reason;
  if (expected->act == Act::gather) {
    const auto gather = std::find(got, events.end(), *expected),
               scatter = std::find(got, events.end(), Event{Act::scatter, expected->unit + 1});
    reason = scatter < gather ? ": the gather waits behind the scatter, which a stream of "
                                "communication finishes first"
                              : ": the gather starts too late to arrive during that pass";
  } else if (got->act == Act::gather) {
    reason = ": a gather so early takes memory while nothing needs it";
  }
  return text("event ", position, " is '", shown(*got), "', expected '", shown(*expected), "'",
              reason);
}

std::string diagnosis_of(const std::vector<Event>& events, int units, bool prefetch) {
  const std::vector<Event> right = right_order(units, prefetch);
  if (events == right) return "";
  std::string wrong = wrong_passes(events, units);
  if (wrong.empty()) wrong = wrong_weights(events, units);
  if (wrong.empty()) wrong = wrong_moments(events, units, prefetch);
  if (wrong.empty()) wrong = first_difference(events, right);
  return text("your order_of_events(", units, ", prefetch ", prefetch ? "on" : "off",
              ") is wrong: ", wrong, ". It is: ", shown(events));
}

void expect_order(Examiner& examiner) {
  std::string diagnosis;
  for (int units : {3, 1, 2, 6}) {
    for (bool prefetch : {false, true}) {
      if (diagnosis.empty())
        diagnosis = diagnosis_of(order_of_events(units, prefetch), units, prefetch);
    }
  }
  examiner.expect("order_of_events", diagnosis.empty(), diagnosis);
}

// ---- Memory -------------------------------------------------------------------------------------

/// The right answer and wrong ones.
struct Most {
  int64_t units = 0, gathered = 0, all = 0, largest = 0, left = 0, after_frees = 0;

  Most(const std::vector<Event>& events, const std::vector<int64_t>& elements) {
    int64_t there = 0;
    for (const Event& event : events) {
      const int64_t size = elements[static_cast<size_t>(event.unit)];
      if (event.act == Act::gather) ++there, gathered += size, left += size;
      if (event.act == Act::free) --there, after_frees = std::max(after_frees, left -= size);
      units = std::max(units, there);
    }
    for (int64_t size : elements) all += size, largest = std::max(largest, size);
  }
};

std::string diagnosis_of(const std::vector<Event>& events, const std::vector<int64_t>& elements) {
  const Most most(events, elements);
  const int64_t right = right_most(events, elements), got = most_gathered(events, elements);
  return diagnose_answer<int64_t>(
      "most_gathered", got, right,
      {{"the number of units, not of their elements", most.units},
       {"the sum over all gathers: a free gives the memory back", most.gathered},
       {"the elements of all units: not all of them are there at one time", most.all},
       {"the most units at one time, times the largest: units differ in size",
        most.units * most.largest},
       {"the largest unit: several are there at one time", most.largest},
       {"what is left at the end: keep the largest value on the way", most.left},
       {"looked at after frees only: the most is there before", most.after_frees}},
      text("your most_gathered is ", got, ", expected ", right, ", for units of ",
           shard::shown(elements), " elements and: ", shown(events)));
}

void expect_most(Examiner& examiner, const std::vector<int64_t>& sizes) {
  // any order; a unit stays at the end
  const std::vector<Event> custom{{Act::gather, 0}, {Act::gather, 2},   {Act::forward, 0},
                                  {Act::gather, 4}, {Act::free, 0},     {Act::gather, 1},
                                  {Act::free, 4},   {Act::backward, 2}, {Act::free, 2},
                                  {Act::gather, 0}, {Act::free, 0}};
  std::string diagnosis = diagnosis_of(custom, sizes);
  for (bool prefetch : {true, false}) {
    if (diagnosis.empty()) diagnosis = diagnosis_of(right_order(6, prefetch), sizes);
  }
  examiner.expect("most_gathered", diagnosis.empty(), diagnosis);
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("order_of_events", [&] { expect_order(examiner); });
  examiner.attempt("most_gathered", [&] {
    std::vector<int64_t> sizes;  // all different
    for (double size : examiner.random_integers(1, 6, "sizes", 90).values)
      sizes.push_back(500 + 200 * std::ssize(sizes) + static_cast<int64_t>(size));
    expect_most(examiner, sizes);
  });
}

}  // namespace shard
