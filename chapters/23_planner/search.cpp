#include "chapters/23_planner/search.h"

#include <algorithm>

#include "chapters/23_planner/counting.h"
#include "common/base/counted.h"
#include "common/base/error.h"

namespace shard::chapter_23 {
namespace {

std::vector<int64_t> divisors_of(int64_t number) {
  std::vector<int64_t> divisors, large;
  for (int64_t d = 1; d * d <= number; ++d) {
    if (number % d != 0) continue;
    divisors.push_back(d);
    if (d * d != number) large.push_back(number / d);
  }
  divisors.insert(divisors.end(), large.rbegin(), large.rend());
  return divisors;
}

/// The schedules of a pipeline, with their chunks.
std::vector<std::pair<std::string, int64_t>> schedules_of(const Layout& grid,
                                                          const ModelShape& model) {
  std::vector<std::pair<std::string, int64_t>> all{{"1f1b", 1}};
  if (grid.pp == 1) return all;
  all.emplace_back("zb-h1", 1);
  if (model.layers % grid.pp != 0) return all;
  for (const int64_t chunks : divisors_of(model.layers / grid.pp))
    if (chunks > 1) all.emplace_back("interleaved", chunks);
  return all;
}

/// The memory of the fullest rank, for layouts one after the other that hold the same parameters.
class FullestRank {
 public:
  explicit FullestRank(const Job& job)
      : job_(job), bytes_(value_bytes(job.cluster, job.software)) {}

  Memory memory(const Layout& layout) {
    if (!holds_the_same(layout)) {
      of_ = layout;
      first_ = held_by(job_.model, layout, 0);
      last_ = held_by(job_.model, layout, layout.pp - 1);
    }
    const Memory first = memory_of(job_.model, layout, job_.batch, 0, bytes_, first_);
    if (layout.pp == 1) return first;
    const Memory last = memory_of(job_.model, layout, job_.batch, layout.pp - 1, bytes_, last_);
    return first.total() >= last.total() ? first : last;
  }
  bool fits(const Memory& memory) const { return memory.total() <= job_.cluster.memory; }

 private:
  bool holds_the_same(const Layout& l) const {
    return of_ && of_->tp == l.tp && of_->pp == l.pp && of_->chunks == l.chunks && of_->ep == l.ep;
  }
  const Job& job_;
  ValueBytes bytes_;
  std::optional<Layout> of_;
  HeldParameters first_, last_;
};

bool is_better(const Candidate& a, const Candidate& b) {
  const double of_a = a.time.total(), of_b = b.time.total();
  return of_a < of_b || (of_a == of_b && a.memory.total() < b.memory.total());
}

/// Whether this layout can be, and the software had all that it needs.
bool is_possible(const Layout& layout, const Job& job) {
  return has(job.software, layout) && problem_of(layout, job.model, job.batch).empty();
}

}  // namespace

bool has(const Software& software, const Layout& layout) {
  const bool cuts_or_selects = layout.sequence_parallel || layout.recompute == Recompute::selective;
  return (software.sequence_parallel || !cuts_or_selects) &&
         (software.context_parallel || layout.cp == 1) &&
         (software.zero_bubble || layout.schedule != "zb-h1") &&
         layout.shard_optimizer <= software.most_sharding;
}

void for_each_grid(const Job& job, const std::function<void(const Layout&)>& visit) {
  const auto with_each_ep = [&](Layout grid) {
    for (const int64_t ep : divisors_of(job.model.experts > 0 ? grid.cp * grid.dp : 1)) {
      grid.ep = ep;
      if (is_possible(grid, job)) visit(grid);
    }
  };
  for (const int64_t tp : divisors_of(job.gpus)) {
    if (job.model.heads % tp != 0) continue;
    for (const int64_t pp : divisors_of(job.gpus / tp)) {
      if (pp > job.model.layers) break;
      const int64_t others = job.gpus / tp / pp;
      for (const int64_t dp : divisors_of(others))
        with_each_ep({.tp = tp, .cp = others / dp, .pp = pp, .dp = dp});
    }
  }
}

void for_each_use(const Layout& grid, const Job& job,
                  const std::function<void(const Layout&)>& visit) {
  Layout layout = grid;
  for (const auto& [schedule, chunks] : schedules_of(grid, job.model)) {
    layout.schedule = schedule;
    layout.chunks = chunks;
    for (const int64_t micro_batch : divisors_of(job.batch / grid.dp)) {
      layout.micro_batch = micro_batch;
      for (const bool cuts_rows : {false, true}) {
        layout.sequence_parallel = cuts_rows;
        if (cuts_rows && grid.tp == 1) continue;
        for (int64_t stage = 0; stage <= (grid.cp * grid.dp > 1 ? 3 : 0); ++stage) {
          layout.shard_optimizer = stage;
          if (is_possible(layout, job)) visit(layout);
        }
      }
    }
  }
}

//! [23-search]
SearchResult search(const Job& job) {
  SearchResult result;
  FullestRank rank(job);
  const auto best_of = [&](const Layout& grid) {
    std::optional<Candidate> best;
    for_each_use(grid, job, [&](Layout layout) {
      for (const Recompute kind : {Recompute::none, Recompute::selective, Recompute::full}) {
        layout.recompute = kind;
        if (!has(job.software, layout)) continue;
        ++result.layouts;
        const Memory memory = rank.memory(layout);
        if (!rank.fits(memory)) continue;
        ++result.fitting;
        const Candidate found{layout, memory,
                              step_time(job.model, layout, job.batch, job.cluster, job.software)};
        if (!best || is_better(found, *best)) best = found;
        break;
      }
    });
    return best;
  };
  for_each_grid(job, [&](const Layout& grid) {
    if (const auto best = best_of(grid)) result.best.push_back(*best);
  });
  std::ranges::stable_sort(result.best, is_better);
  return result;
}
//! [23-search]

std::optional<Layout> fewest_gpus(const Job& job) {
  Job on = job;
  FullestRank rank(on);
  const ValueBytes bytes = value_bytes(job.cluster, job.software);
  const double all = static_cast<double>(parameters(job.model)) *
                     (bytes.weight + bytes.gradient + bytes.optimizer);
  const int64_t node = job.cluster.node;
  for (on.gpus = std::max<int64_t>(1, static_cast<int64_t>(all / job.cluster.memory));
       on.gpus <= most_gpus; ++on.gpus) {
    if (on.gpus > node && on.gpus % node != 0) continue;
    std::optional<Layout> fitting;
    for_each_grid(on, [&](Layout layout) {
      if (fitting) return;
      layout.recompute = Recompute::full;
      layout.sequence_parallel = layout.tp > 1 && job.software.sequence_parallel;
      for (int64_t stage = 0; stage <= 3; ++stage) {
        layout.shard_optimizer = stage;
        if (!fitting && is_possible(layout, on) && rank.fits(rank.memory(layout))) fitting = layout;
      }
    });
    if (fitting) return fitting;
  }
  return std::nullopt;
}

void require_found(const SearchResult& result, const Job& job) {
  if (!result.best.empty()) return;
  const std::string what =
      text(job.model.name, " with a batch of ", counted(job.batch, "sequence"));
  const std::string gpus = text("GPUs of ", job.cluster.memory / 1e9, " GB");
  require_usage(result.layouts > 0, what, " cannot be spread over ", counted(job.gpus, "GPU"),
                ": no tp × cp × pp × dp divides its ", counted(job.model.heads, "head"), ", ",
                counted(job.model.layers, "layer"), " and the batch so");
  const std::optional<Layout> fewest = fewest_gpus(job);
  require_usage(fewest.has_value(), what, " fits on no number of ", gpus, " up to ", most_gpus);
  throw UsageError(text(what, " needs at least ", fewest->ranks(), " ", gpus, ": with ",
                        to_string(*fewest), "; none of ", result.layouts, " layouts of ",
                        counted(job.gpus, "GPU"), " fits"));
}

}  // namespace shard::chapter_23
