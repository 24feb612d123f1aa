#include "chapters/23_planner/settings.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/folders.h"

namespace shard::chapter_23 {
namespace {

struct Size {
  const char* option;
  int64_t ModelShape::*value;
  int64_t most;
  const char* help;
  bool is_needed;  // for a model without a name
};
constexpr Size sizes[] = {
    {"--layers", &ModelShape::layers, 10'000, "blocks", true},
    {"--width", &ModelShape::width, 1 << 20, "elements of a token's row", true},
    {"--heads", &ModelShape::heads, 1 << 16, "of attention", true},
    {"--context", &ModelShape::context, 1 << 26, "tokens of a sequence", true},
    {"--vocabulary", &ModelShape::vocabulary, 1 << 26, "tokens of the table, padding included",
     true},
    {"--hidden", &ModelShape::hidden, 1 << 22, "width inside an MLP; otherwise 4 times --width",
     false},
    {"--experts", &ModelShape::experts, 1 << 16, "expert MLPs of a block",
     false},
    {"--top-k", &ModelShape::top_k, 1 << 16, "experts of each token; otherwise 2", false}};

/// The named model, with the sizes that were given; of sizes alone, if no model was named.
ModelShape model_of(const Settings& s, const Options& options) {
  std::string given, missing;
  for (const Size& size : sizes) {
    if (options.given(size.option)) {
      if (given.empty()) given = size.option;
    } else if (size.is_needed) {
      missing += (missing.empty() ? "" : ", ") + std::string(size.option);
    }
  }
  const bool is_named = given.empty() || options.given("--model") || !missing.empty();
  require_usage(given.empty() || options.given("--model") || missing.empty(), given,
                " without --model needs ", missing, ", too");
  ModelShape model = is_named ? model_named(s.model) : ModelShape{.name = "a model"};
  for (const Size& size : sizes)
    if (s.sizes.*size.value > 0) model.*size.value = s.sizes.*size.value;
  for (const Size& size : sizes) {
    require_usage(!size.is_needed || model.*size.value > 0, size.option,
                  " 0: a model needs at least 1");
  }
  if (is_named && !given.empty()) model.name += ", changed";
  return model;
}

/// Its numbers are counted in 64 bits.
void require_countable(const ModelShape& m) {
  const auto real = [](int64_t value) { return static_cast<double>(value); };
  const double h = real(m.width), f = real(m.mlp_width()), s = real(m.context),
               layers = real(m.layers), ends = (real(m.vocabulary) + s) * h,
               parameters =
                   layers * (4 * h + 2 * f * real(std::max<int64_t>(m.experts, 1))) * h + ends,
               of_token = layers * (4 * h + 2 * f * real(m.top_k) + 2 * s) * h + ends;
  require_usage(std::max(parameters, 8 * s * of_token) < 1e18, "a model of ", m.layers,
                " layers of width ", m.width, " is too large to be counted");
}

}  // namespace

std::filesystem::path file_of_cluster(const std::string& name) {
  std::filesystem::path file = cluster_file(name);
  if (exists(file) || name.find('/') != std::string::npos) return file;
  std::vector<std::string> known;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(source_folder()) / "chapters/23_planner/clusters"))
    known.push_back(entry.path().stem());
  std::ranges::sort(known);
  std::string names;
  for (const std::string& one : known) names += (names.empty() ? "" : ", ") + one;
  throw UsageError("--cluster " + name + ": there is no such file; known are " + names);
}

void add_options(Options& options, Settings& s) {
  options.group("Model");
  options.text("--model", s.model, "by name: gpt2, gpt3-175b, llama3-70b, …");
  for (const Size& size : sizes) {
    options.size(size.option, s.sizes.*size.value,
                 std::string(size.help) + "; 0: as the model has it", 0, size.most);
  }
  options.group("Training");
  options.text("--cluster", s.cluster,
               "a JSON file, or a name of chapters/23_planner/clusters: a100-80, h100, …");
  options.size("--gpus", s.gpus, "GPUs to use", 1, 1 << 20);
  options.size("--batch", s.batch, "sequences of a step");
  options.text(
      "--software", s.software,
      "what is assumed: megatron-2022, megatron-core, shard, …; otherwise what the cluster's "
      "numbers were fitted with");
  options.group("Plan");
  options.text("--layout", s.layout,
               "explain this one: tp=8,cp=1,pp=8,dp=8,ep=1,micro=1,chunks=3,sp,"
               "recompute=selective,shard=1,schedule=1f1b; what is not named is 1, none or off");
  options.size("--best", s.best, "how many of the best layouts are listed", 1, 10000);
  options.group("Predict, then compare");
  options.flag("--check", s.check, "compare the predictions with all published tables");
  options.text("--calibrate", s.calibrate,
               "measure what operations take on the ranks that run, and write this cluster file");
  options.flag("--check-here", s.check_here,
               "predict chapter 22's steps on the ranks that run, of --cluster, and measure them");
  options.size("--rounds", s.rounds, "measured steps of each layout, with --check-here", 1, 1000);
}

void require_consistent(const Settings& s, const Options& options) {
  std::string chosen;
  for (const char* option : {"--layout", "--check", "--calibrate", "--check-here"}) {
    if (!options.given(option)) continue;
    require_usage(chosen.empty(), chosen, " and ", option, " cannot be combined");
    chosen = option;
  }
  require_usage(chosen.empty() || chosen == "--check" || options.picture.empty(),
                "--picture draws the best layouts, or the errors of --check: not with ", chosen);
  require_usage(chosen.empty() || !options.given("--best"), "--best lists the best layouts: not ",
                "with ", chosen);
  require_usage(s.check_here || !options.given("--rounds"), "--rounds needs --check-here");
  std::vector<std::string> of_plan{"--model", "--gpus", "--batch", "--software"};
  for (const Size& size : sizes) of_plan.emplace_back(size.option);
  if (chosen != "--check-here") of_plan.emplace_back("--cluster");
  for (const std::string& option : of_plan) {
    require_usage(chosen.empty() || chosen == "--layout" || !options.given(option), option,
                  " is of a plan: not with ", chosen);
  }
}

Job job_of(const Settings& s, const Options& options) {
  Job job{.model = model_of(s, options),
          .gpus = s.gpus,
          .batch = s.batch,
          .cluster = cluster_from(file_of_cluster(s.cluster)),
          .software = {}};
  const std::string fitted = job.cluster.software.empty() ? "megatron-core" : job.cluster.software;
  job.software = software_named(s.software.empty() ? fitted : s.software);
  const std::string of_model = problem_of(Layout{}, job.model, job.batch);
  require_usage(of_model.empty(), job.model.name, ": ", of_model);
  require_countable(job.model);
  if (s.layout.empty()) return job;
  const Layout layout = layout_from(s.layout);
  require_usage(!options.given("--gpus") || layout.ranks() == s.gpus, "--layout ", s.layout,
                " is of ", layout.ranks(), " ranks, but --gpus is ", s.gpus);
  job.gpus = layout.ranks();
  const std::string problem = problem_of(layout, job.model, job.batch);
  require_usage(problem.empty(), "--layout ", s.layout, ": ", problem);
  return job;
}

}  // namespace shard::chapter_23
