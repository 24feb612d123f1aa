// What a layout costs, by kind: memory, time, and what the prediction assumes.
#pragma once
#include "chapters/23_planner/search.h"
#include "common/program/report.h"

namespace shard::chapter_23 {

/// A part of a sum, with the name that it has in tables, pictures and the JSON file.
struct CostPart {
  std::string name;
  double value = 0;  // bytes or seconds
};
std::vector<CostPart> parts_of(const Memory& memory);
std::vector<CostPart> parts_of(const StepTime& time);  // without what is hidden

/// The speed of a step.
struct Speed {
  double tokens = 0;    // per second, of all GPUs
  double mfu = 0;       // share of the peak: the model's FLOPs
  double hfu = 0;       // with those that are computed again
  double hardware = 0;  // FLOP/s of a GPU, with those
};
Speed speed_of(const Job& job, const Candidate& candidate);

/// A layout of the job that problem_of() accepts; it need not fit.
Candidate candidate_of(const Job& job, const Layout& layout);
/// Prints both tables, and what is assumed. Checks that no part is left out.
void explain(Report& report, const Job& job, const Candidate& candidate);
/// Prints the first `rows` of the best layouts.
void list(Report& report, const Job& job, const SearchResult& found, int64_t rows);

/// "tp=8,pp=8,…" without recompute= and schedule= in front of their values: short, for tables.
std::string short_name(const Layout& layout);

}  // namespace shard::chapter_23
