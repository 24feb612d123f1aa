#include "chapters/23_planner/explain.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "chapters/23_planner/counting.h"
#include "chapters/23_planner/show_traffic.h"
#include "common/base/counted.h"
#include "common/check/reference.h"

namespace shard::chapter_23 {
namespace {

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }
std::string gigabytes(double bytes) { return fixed(bytes / 1e9, 2); }

std::string line_of(const Job& job) {
  const Cluster& cluster = job.cluster;
  return text(job.model.name, ", ", fixed(static_cast<double>(parameters(job.model)) / 1e9, 1),
              " billion parameters, a batch of ", counted(job.batch, "sequence"), " of ",
              counted(job.model.context, "token"), ", on ", counted(job.gpus, "GPU"), " of ",
              cluster.name, " (", short_number(cluster.peak / 1e12), " TFLOP/s, ",
              short_number(cluster.memory / 1e9), " GB)");
}

Table table_of(const std::vector<CostPart>& parts, double whole, const std::string& unit,
               double in_unit, int digits) {
  Table table({"", unit, "share"});
  for (const auto& [name, value] : parts)
    if (value > 0) table.row({name, fixed(value / in_unit, digits), percent(value / whole)});
  table.row({"in all", fixed(whole / in_unit, digits), ""});
  return table;
}

void results_of(Report& report, const Job& job, const Candidate& candidate) {
  const Speed speed = speed_of(job, candidate);
  report.result("step_seconds", candidate.time.total());
  for (const auto& [name, seconds] : parts_of(candidate.time))
    report.result(std::regex_replace(name, std::regex("[^a-z]+"), "_") + "_seconds", seconds);
  report.result("hidden_seconds", candidate.time.hidden);
  report.result("memory_bytes", candidate.memory.total());
  report.result("fits", candidate.memory.total() <= job.cluster.memory ? 1 : 0);
  for (const auto& [name, bytes] : parts_of(candidate.memory))
    report.result(name + "_bytes", bytes);
  report.result("tokens_per_second", speed.tokens);
  report.result("mfu", speed.mfu);
  report.result("hfu", speed.hfu);
  report.result("model_tflops_per_gpu", speed.mfu * job.cluster.peak / 1e12);
  report.result("hardware_tflops_per_gpu", speed.hardware / 1e12);
  report.result("parameters", static_cast<double>(parameters(job.model)));
}

/// The rows of the list, a vector for each column.
void results_of(Report& report, const std::vector<Candidate>& best) {
  const auto add = [&](const std::string& name, const auto& value_of) {
    std::vector<double> values;
    for (const Candidate& one : best) values.push_back(static_cast<double>(value_of(one)));
    report.result("best_" + name, values);
  };
  const std::pair<const char*, int64_t Layout::*> sizes[] = {{"tp", &Layout::tp},
                                                             {"cp", &Layout::cp},
                                                             {"pp", &Layout::pp},
                                                             {"dp", &Layout::dp},
                                                             {"ep", &Layout::ep},
                                                             {"chunks", &Layout::chunks},
                                                             {"micro_batch", &Layout::micro_batch},
                                                             {"shard_optimizer",
                                                              &Layout::shard_optimizer}};
  for (const auto& [name, size] : sizes)
    add(name, [size = size](const Candidate& one) { return one.layout.*size; });
  add("step_seconds", [](const Candidate& one) { return one.time.total(); });
  add("memory_bytes", [](const Candidate& one) { return one.memory.total(); });
}

/// What neither the model nor the layout says.
void show_assumptions(Report& report, const Job& job, const Layout& layout) {
  const ValueBytes bytes = value_bytes(job.cluster, job.software);
  report.heading(text("Assumed of ", job.software.name));
  for (const std::string& assumption : assumptions_of(job.software)) report.line("  " + assumption);
  report.line(text("  bytes kept of a weight ", bytes.weight, ", its gradient ", bytes.gradient,
                   ", its optimizer state ", bytes.optimizer, ", an activation ", bytes.activation,
                   ", a mask ", bytes.mask));
  report.line(text("  each replica has ",
                   counted(layout.micro_batches(job.batch), "micro-batch", "micro-batches"), " of ",
                   counted(layout.micro_batch, "sequence")));
}

}  // namespace

std::vector<CostPart> parts_of(const Memory& m) {
  return {{"weights", m.weights},
          {"gradients", m.gradients},
          {"optimizer", m.optimizer},
          {"activations", m.activations},
          {"buffers", m.buffers}};
}

std::vector<CostPart> parts_of(const StepTime& t) {
  return {{"products", t.products},   {"memory-bound operations", t.memory},
          {"launches", t.overhead},   {"tp communication", t.tp},
          {"cp communication", t.cp}, {"ep communication", t.ep},
          {"pp communication", t.pp}, {"bubble", t.bubble},
          {"dp communication", t.dp}, {"optimizer", t.optimizer}};
}

Speed speed_of(const Job& job, const Candidate& candidate) {
  // what fused attention computes again it would not keep without recomputation, either
  const Recompute again =
      job.software.fused_attention && candidate.layout.recompute == Recompute::selective
          ? Recompute::none
          : candidate.layout.recompute;
  const double seconds = candidate.time.total(),
               all_peaks = static_cast<double>(job.gpus) * job.cluster.peak,
               hardware = hardware_flops(job.model, job.batch, again);
  return {.tokens = static_cast<double>(job.batch * job.model.context) / seconds,
          .mfu = model_flops(job.model, job.batch) / seconds / all_peaks,
          .hfu = hardware / seconds / all_peaks,
          .hardware = hardware / seconds / static_cast<double>(job.gpus)};
}

Candidate candidate_of(const Job& job, const Layout& layout) {
  const ValueBytes bytes = value_bytes(job.cluster, job.software);
  return {layout, memory_of_fullest(job.model, layout, job.batch, bytes),
          step_time(job.model, layout, job.batch, job.cluster, job.software)};
}

void explain(Report& report, const Job& job, const Candidate& candidate) {
  const double step = candidate.time.total(), memory = candidate.memory.total();
  report.heading(to_string(candidate.layout));
  report.line("  " + line_of(job));
  report.heading(text("Memory of the fullest GPU, of ", gigabytes(job.cluster.memory), " GB"));
  report.table(table_of(parts_of(candidate.memory), memory, "GB", 1e9, 2));
  if (memory > job.cluster.memory) {
    report.line(text("  This does not fit: ", gigabytes(memory), " GB are more than ",
                     gigabytes(job.cluster.memory), " GB."));
  }
  report.heading("Time of a step");
  report.table(table_of(parts_of(candidate.time), step, "seconds", 1, 3));
  if (candidate.time.hidden > 0) {
    report.line(text("  Further ", fixed(candidate.time.hidden, 3),
                     " s of communication are hidden beside computation."));
  }
  const Speed speed = speed_of(job, candidate);
  report.line(text("  ", fixed(speed.tokens, 0), " tokens/s; MFU ", percent(speed.mfu), ", HFU ",
                   percent(speed.hfu), ", ", fixed(speed.hardware / 1e12, 1),
                   " TFLOP/s a GPU with what is computed again"));
  show_assumptions(report, job, candidate.layout);
  if (job.software.name == "shard") show_traffic(report, job, candidate.layout);
  results_of(report, job, candidate);
  double error = 0;
  for (const auto& [parts, whole] :
       {std::pair{parts_of(candidate.memory), memory}, {parts_of(candidate.time), step}}) {
    double sum = 0;
    for (const CostPart& part : parts) sum += part.value;
    error = reference::larger(error, std::abs(sum / whole - 1));
  }
  report.check("the parts of memory and time are all of it", error, 1e-12);
}

std::string short_name(const Layout& layout) {
  return std::regex_replace(to_string(layout), std::regex("recompute=|schedule="), "");
}

void list(Report& report, const Job& job, const SearchResult& found, int64_t rows) {
  report.heading(text("The fastest of ", counted(found.best.size(), "grid"), " that ",
                      found.best.size() == 1 ? "fits" : "fit"));
  report.line("  " + line_of(job));
  report.line(text("  ", found.layouts, " layouts looked at, of which ", found.fitting, " fit"));
  Table table({"layout", "s a step", "MFU", "HFU", "tokens/s", "bubble", "tp + cp + ep", "dp",
               "memory, GB", "activations"});
  const auto shown = std::min(static_cast<size_t>(rows), found.best.size());
  const std::vector<Candidate> best(found.best.begin(), found.best.begin() + std::ptrdiff_t(shown));
  for (const Candidate& one : best) {
    const StepTime& time = one.time;
    const Speed speed = speed_of(job, one);
    table.row({short_name(one.layout), fixed(time.total(), 2), percent(speed.mfu),
               percent(speed.hfu), fixed(speed.tokens, 0), percent(time.bubble / time.total()),
               percent((time.tp + time.cp + time.ep) / time.total()),
               percent(time.dp / time.total()), gigabytes(one.memory.total()),
               gigabytes(one.memory.activations)});
  }
  report.table(table);
  report.result("layouts", static_cast<double>(found.layouts));
  report.result("fitting", static_cast<double>(found.fitting));
  results_of(report, best);
}

}  // namespace shard::chapter_23
