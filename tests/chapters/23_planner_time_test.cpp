// The planner's step time: its limits, its parts, and the pipeline's idle time as a replay has it;
// the fit of its constants; clusters' files.
// Ranks: 1. CPU only.
#include <cmath>
#include <filesystem>

#include "chapters/18_pipeline/replay.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/23_planner/all_reduce_curve.h"
#include "chapters/23_planner/costs.h"
#include "chapters/23_planner/counting.h"
#include "chapters/23_planner/layer_time.h"
#include "chapters/23_planner/score.h"
#include "common/base/files.h"
#include "common/base/folders.h"
#include "tests/test_support.h"

using namespace shard;
using namespace shard::chapter_23;

namespace {

constexpr int64_t batch = 96;

Cluster cluster_named(const std::string& name) { return cluster_from(cluster_file(name)); }

ModelShape small_model(int64_t experts = 0) {
  ModelShape model = model_named("gpt3-1.3b");
  model.experts = experts;
  return model;
}

StepTime time_of(const std::string& layout, const std::string& software = "megatron-2022",
                 const Cluster& cluster = cluster_named("a100-80"),
                 const ModelShape& model = small_model()) {
  CAPTURE(layout);
  REQUIRE(problem_of(layout_from(layout), model, batch) == "");
  return step_time(model, layout_from(layout), batch, cluster, software_named(software));
}

const std::vector<std::string> layouts{
    "tp=1",
    "tp=8,micro=2,sp",
    "tp=2,pp=3,dp=4,recompute=selective",
    "tp=4,pp=4,dp=2,chunks=2,sp,recompute=full,shard=1",
    "pp=6,dp=2,schedule=zb-h1",
    "dp=32,shard=3",
    "dp=16,micro=2,shard=2",
    "tp=2,cp=4,dp=8,sp",
};

bool are_close(double a, double b, double tolerance = 1e-9) {
  return std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
}

/// Nothing but products takes time.
Cluster without_waits() {
  Cluster cluster = cluster_named("a100-80");
  cluster.inside = cluster.between = {0, 1e30};
  return cluster;
}

/// A file that is deleted in the end.
struct File {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / text("shard_cluster_", getpid(), ".json");
  ~File() { std::filesystem::remove(path); }
};

/// The sentence for a100-80's file with `from` replaced by `to`.
std::string problem_with_changed(const std::string& from, const std::string& to) {
  std::string content = read_file(cluster_file("a100-80"));
  const size_t at = content.find(from);
  REQUIRE(at != std::string::npos);
  const File file;
  write_file("the test", file.path.string(), content.replace(at, from.size(), to));
  return message_of<UsageError>([&] { cluster_from(file.path); });
}

}  // namespace

TEST_CASE("time: one rank does not communicate, and nothing of it waits") {
  for (const std::string& software : known_software()) {
    const StepTime time = time_of("micro=4,recompute=full", software);
    CHECK(time.tp + time.cp + time.ep + time.pp + time.bubble + time.dp + time.hidden == 0);
    CHECK(time.products > 0);
    CHECK(time.memory > 0);
    CHECK(time.overhead > 0);
    CHECK(time.optimizer > 0);
  }
}

TEST_CASE("time: each axis has its part") {
  CHECK(time_of("tp=2").tp > 0);
  CHECK(time_of("cp=2", "shard").cp > 0);
  CHECK(time_of("pp=2").pp > 0);
  CHECK(time_of("pp=2").bubble > 0);
  CHECK(time_of("dp=2").dp > 0);
  CHECK(time_of("dp=4,ep=4", "shard", cluster_named("h100"), small_model(8)).ep > 0);
}

TEST_CASE("time: the parts are those of the micro-batches' layers and head, and what comes after") {
  const Layout layout = layout_from("tp=4,micro=2,recompute=selective");
  const ModelShape model = small_model();
  const Cluster cluster = cluster_named("a100-80");
  const Software software = software_named("megatron-2022");
  const StepTime time = step_time(model, layout, batch, cluster, software);
  const StepTime layer = layer_time(model, layout, cluster, software).both(),
                 head = head_time(model, layout, cluster, software).both();
  CHECK(are_close(time.total(),
                  batch / 2 * (model.layers * layer.total() + head.total()) + time.optimizer));
  CHECK(are_close(time.overhead, batch / 2 * model.layers * 3 * cluster.pass_overhead));
  for (const std::string& one : layouts) {
    const StepTime t = time_of(one);
    CHECK(are_close(t.total(), t.products + t.memory + t.overhead + t.tp + t.cp + t.ep + t.pp +
                                   t.bubble + t.dp + t.optimizer));
  }
}

TEST_CASE("time: of infinitely fast devices and links, latencies and launches are left") {
  Cluster cluster = cluster_named("a100-80");
  cluster.peak = cluster.memory_bandwidth = cluster.inside.bandwidth = 1e40;
  const StepTime time = time_of("tp=2", "megatron-2021", cluster);
  // four all-reduces of each layer, and one of the head
  const double layers = static_cast<double>(small_model().layers);
  CHECK(are_close(time.total(), batch * ((4 * layers + 1) * cluster.inside.latency +
                                         3 * layers * cluster.pass_overhead)));
}

TEST_CASE("time: nothing gets slower where a device or a link is twice as fast") {
  double Link::*const bandwidth = &Link::bandwidth;
  for (const std::string& software : known_software()) {
    for (const std::string& layout : layouts) {
      const Cluster before = cluster_named("a100-80");
      const double now = time_of(layout, software, before).total();
      for (double Cluster::*speed :
           {&Cluster::peak, &Cluster::memory_bandwidth, &Cluster::gather_bandwidth}) {
        Cluster faster = before;
        faster.*speed *= 2;
        CHECK(time_of(layout, software, faster).total() <= now);
      }
      for (Link Cluster::*link : {&Cluster::inside, &Cluster::between}) {
        Cluster faster = before;
        faster.*link.*bandwidth *= 2;
        CHECK(time_of(layout, software, faster).total() <= now);
      }
    }
  }
}

TEST_CASE("time: what is hidden is communication that would be seen otherwise") {
  for (const std::string& layout : layouts) {
    if (layout.find("shard=3") != std::string::npos) continue;  // hides without a switch
    Software hiding = software_named("megatron-core"), plain = hiding;
    plain.hidden_share = plain.dp_hidden_share = 0;
    const auto time = [&](const Software& software) {
      return step_time(small_model(), layout_from(layout), batch, cluster_named("h100"), software);
    };
    const StepTime with = time(hiding), without = time(plain);
    CHECK(with.hidden >= 0);
    CHECK(with.tp + with.dp <= without.tp + without.dp);
    CHECK(are_close(with.hidden + with.tp + with.dp + with.cp,
                    without.hidden + without.tp + without.dp + without.cp));
  }
}

TEST_CASE("time: recomputing more takes longer") {
  for (const std::string layout : {"tp=8,micro=2", "tp=8,micro=2,sp", "tp=2,pp=4,dp=2", "dp=8"}) {
    const double none = time_of(layout).total(),
                 selective = time_of(layout + ",recompute=selective").total(),
                 full = time_of(layout + ",recompute=full").total();
    CHECK(none < selective);
    CHECK(selective < full);
  }
  CHECK(time_of("tp=2,recompute=selective", "shard").total() == time_of("tp=2", "shard").total());
}

TEST_CASE("time: a pipeline waits as long as in a replay of its schedule") {
  const Cluster cluster = without_waits();
  ModelShape model = small_model();
  model.vocabulary = 1;  // the head's time is not a stage's
  const Software software = software_named("megatron-2022");
  for (const int64_t micro_batches : {1, 2, 3, 12})
    for (const std::string layout_text :
         {"pp=4", "pp=4,schedule=gpipe", "pp=4,chunks=2", "pp=2,chunks=3", "pp=3,schedule=zb-h1",
          "pp=4,recompute=full"}) {
      CAPTURE(layout_text);
      CAPTURE(micro_batches);
      const Layout layout = layout_from(layout_text);
      const double layers = static_cast<double>(model.layers / (layout.pp * layout.chunks));
      const PassTimes times = layers * layer_time(model, layout, cluster, software);
      const auto of_step = [&](int, const Step& step) {
        switch (step.pass) {
          case Pass::forward: return times.forward.total();
          case Pass::backward: return times.backward().total();
          case Pass::input_gradient: return times.input_gradients.total();
          case Pass::weight_gradient: return times.weight_gradients.total();
        }
        return 0.0;
      };
      const Schedule schedule = named_schedule(layout.schedule, static_cast<int>(layout.pp),
                                               micro_batches, static_cast<int>(layout.chunks));
      const double work = static_cast<double>(micro_batches * layout.chunks) * times.both().total();
      const double waits = replay(schedule, {.of_step = of_step}).total() - work;
      const StepTime step = step_time(model, layout, micro_batches, cluster, software);
      CHECK(are_close(step.bubble, waits, 1e-6));
    }
}

TEST_CASE("time: a ring of keys and values is hidden as far as attention lasts") {
  Cluster cluster = cluster_named("h100");
  const ModelShape model = small_model();
  const Layout layout = layout_from("cp=4");
  for (const double bandwidth : {1e30, 363e9, 1e9}) {
    cluster.inside.bandwidth = bandwidth;
    const StepTime time =
        layer_time(model, layout, cluster, software_named("megatron-core")).both();
    const double bytes = 2 * 2 * static_cast<double>(model.context / layout.cp * model.width);
    const double forward = message_seconds(cluster, group_of(cluster, 4, 4, 1), bytes),
                 backward = message_seconds(cluster, group_of(cluster, 4, 4, 1), 2 * bytes);
    CHECK(are_close(time.cp + time.hidden, 3 * (forward + backward)));
    CHECK(time.hidden > 0);
    if (bandwidth == 1e9) CHECK(time.cp > 0.5 * (time.cp + time.hidden));
  }
  CHECK(time_of("cp=4", "megatron-core", without_waits()).cp == 0);
}

TEST_CASE("time: experts cost a router, top_k MLPs and four all-to-alls") {
  const Cluster cluster = cluster_named("h100");
  const Layout layout = layout_from("dp=4,ep=4");
  const ModelShape model = small_model(8);
  const PassTimes time = layer_time(model, layout, cluster, software_named("megatron-core"));
  const double bytes = 2.0 * static_cast<double>(model.context * model.top_k * model.width);
  CHECK(are_close(time.both().ep,
                  4 * all_to_all_seconds(cluster, group_of(cluster, 4, 4, 1), bytes)));
  const Software apart = software_named("megatron-2021");
  const double h = static_cast<double>(model.width);  // two experts on each rank
  CHECK(are_close(layer_time(model, layout, cluster, apart, 1).both().memory,
                  layer_time(model, layout, cluster, apart, 0).both().memory +
                      stream_seconds(cluster, 6 * (4 + 2 * 8) * h * h)));
  const double dense = time_of("dp=4", "megatron-core", cluster).products,
               sparse = time_of("dp=4,ep=4", "megatron-core", cluster, model).products;
  CHECK(sparse > 1.4 * dense);
  CHECK(sparse < 2 * dense);
}

TEST_CASE("time: an all-reduce is a reduce-scatter and an all-gather, without a latency") {
  const Cluster cluster = cluster_named("a100-80");
  for (const Group group : {Group{8, 8}, Group{64, 8}, Group{16, 1}}) {
    const double latency = group.is_inside() ? cluster.inside.latency : cluster.between.latency;
    for (const bool in_buckets : {false, true})
      CHECK(are_close(all_reduce_seconds(cluster, group, 1e9, in_buckets) + latency,
                      2 * gather_seconds(cluster, group, 1e9, in_buckets)));
  }
  CHECK(all_reduce_seconds(cluster, {}, 1e9) == 0);
  CHECK(are_close(all_reduce_seconds(cluster, {8, 8}, 1e9),
                  cluster.inside.latency + 1.75e9 / cluster.inside.bandwidth));
}

TEST_CASE("published: every row is a layout that can be") {
  const std::vector<PublishedStep> steps = published_steps();
  CHECK(steps.size() == 53);
  for (const PublishedStep& step : steps) {
    CAPTURE(step.row);
    CHECK(problem_of(step.layout, step.model, step.batch) == "");
    CHECK(step.model.layers % (step.layout.pp * step.layout.chunks) == 0);
    CHECK(are_close(in_unit(step, published_seconds(step)), step.value));
  }
}

TEST_CASE("fit: deterministic, and blind to rows that it does not name") {
  std::vector<PublishedStep> steps = published_steps();
  const Clusters clusters = clusters_of(steps), found = fit(steps, clusters);
  for (PublishedStep& step : steps)
    if (!step.fitted) step.value *= 10;
  Clusters others = clusters;  // the constants that are there do not matter, either
  for (auto& [name, cluster] : others) cluster.product_share = cluster.memory_share = 0.1;
  const Clusters again = fit(steps, others);
  int64_t constants = 0;
  for (const Family& family : families())
    for (const Constant& constant : family.fitted)
      for (const std::string& name : constant.clusters)
        if (found.contains(name)) {
          CHECK(found.at(name).*constant.value == again.at(name).*constant.value);
          ++constants;
        }
  CHECK(constants == 12 + 2 + 1 + 1 + 2);
}

TEST_CASE("fit: it depends on the rows that it names") {
  std::vector<PublishedStep> steps = published_steps();
  const Clusters before = fit(steps, clusters_of(steps), "A100");
  for (PublishedStep& step : steps)
    if (step.fitted && step.row == "1T full") step.value *= 1.2;
  const Clusters after = fit(steps, clusters_of(steps), "A100");
  CHECK(after.at("a100-80").product_share < before.at("a100-80").product_share);
}

TEST_CASE("fit: clusters/ has its constants, and not more of them than are allowed") {
  const std::vector<PublishedStep> steps = published_steps();
  Clusters read = clusters_of(steps);
  read["h200"] = cluster_named("h200");
  const Clusters found = fit(steps, read);
  for (const Family& family : families()) {
    const size_t most = family.name == "A100" ? 6 : family.name == "V100" ? 3 : 2;
    CHECK(family.fitted.size() <= most);
    for (const Constant& constant : family.fitted)
      for (const std::string& name : constant.clusters) {
        CAPTURE(name);
        CAPTURE(constant.name);
        CHECK(are_close(read.at(name).*constant.value, found.at(name).*constant.value, 1e-6));
      }
    for (const std::string& name : family.clusters)
      for (const auto value : family.as_a100) {
        const bool is_own = name == "v100-2019" && value == &Cluster::pass_overhead;
        if (!is_own) CHECK(are_close(read.at(name).*value, read.at("a100-80").*value, 1e-6));
      }
  }
}

TEST_CASE("score: every goal is reached, or its miss is explained") {
  const std::vector<PublishedStep> steps = published_steps();
  const Clusters clusters = clusters_of(steps);
  const auto check = [](const Goal& goal, const Score& score) {
    CAPTURE(goal.name);
    CAPTURE(score.mean);
    CAPTURE(score.worst);
    CHECK(score.rows > 0);
    CHECK(is_reached(goal, score) == goal.miss.empty());
    CHECK(score.mean <= 1.1 * (goal.mean > 0 ? goal.mean : 7));  // a miss is a small one
    CHECK(score.worst <= (goal.worst > 0 ? goal.worst : 12));
  };
  for (const Goal& goal : goals()) check(goal, score_of(errors_of(goal, steps, clusters)));
  for (const Goal& goal : goals_left_out())
    check(goal, score_of(errors_left_out(goal, steps, clusters)));
  check(goal_of_curve(), score_of(errors_of_curve()));
}

TEST_CASE("score: mean and worst, and NaN reaches no goal") {
  const Score score = score_of({0.01, -0.04, 0.01});
  CHECK(score.rows == 3);
  CHECK(are_close(score.mean, 2));
  CHECK(are_close(score.worst, 4));
  const auto goal = [](double mean, double worst) { return Goal{"", {}, mean, worst, "", ""}; };
  CHECK(is_reached(goal(2.1, 4.1), score));
  CHECK(!is_reached(goal(1.9, 4.1), score));
  CHECK(!is_reached(goal(2.1, 3.9), score));
  CHECK(!is_reached(goal(5, 5), score_of({0.0, NAN})));
}

TEST_CASE("curve: four constants, found again in what they make") {
  const AllReduceCurve made{30e-6, 20e-6, 300e9, 8e-9};
  std::vector<MeasuredAllReduce> measured;
  for (double bytes = 1 << 12; bytes < 1e10; bytes *= 2)
    measured.push_back({bytes, made.seconds(bytes, 8), true});
  const AllReduceCurve found = fit(measured, 8);
  CHECK(are_close(found.floor, made.floor, 1e-5));
  CHECK(are_close(found.latency, made.latency, 1e-5));
  CHECK(are_close(found.bandwidth, made.bandwidth, 1e-5));
  CHECK(are_close(found.pipelining, made.pipelining, 1e-5));
}

TEST_CASE("clusters: a file that is saved is read again, number for number") {
  for (const std::string name : {"a100-80", "a100-40", "v100", "v100-2019", "h100", "h200"}) {
    const Cluster cluster = cluster_named(name);
    CHECK(cluster.name == name);
    const File file;
    save(cluster, file.path);
    const Cluster again = cluster_from(file.path);
    CHECK(again.source == cluster.source);
    CHECK(again.node == cluster.node);
    CHECK(again.peak == cluster.peak);
    CHECK(again.between.bandwidth == cluster.between.bandwidth);
    CHECK(again.product_edge == cluster.product_edge);
    CHECK(again.adapter == cluster.adapter);
    CHECK(again.gather_bandwidth == cluster.gather_bandwidth);
  }
}

TEST_CASE("clusters: a file with a wrong number is refused in one sentence") {
  CHECK(contains(problem_with_changed("\"peak\"", "\"peek\""), "has no number \"peak\""));
  CHECK(contains(problem_with_changed("312e12", "-312e12"), "\"peak\" is -3.12e+14; it must be"));
  CHECK(contains(problem_with_changed("80e9", "0"), "\"memory\" is 0; it must be"));
  CHECK(contains(problem_with_changed("312e12", "\"fast\""), "\"peak\" is \"fast\", not a number"));
  CHECK(contains(problem_with_changed("\"latency\"", "\"delay\""), "has no number \"latency\""));
  CHECK(contains(problem_with_changed("\"inside\"", "\"within\""), "has no link \"inside\""));
  CHECK(contains(problem_with_changed("\"node\": 8", "\"node\": 8.5"), "a node of 8.5 devices"));
  CHECK(contains(problem_with_changed("\"node\": 8", "\"node\": 8, \"rack\": 4"), "rack"));
  CHECK(contains(message_of<UsageError>([] { cluster_from("no-such.json"); }), "no such file"));
}

TEST_CASE("models: a published name has so many parameters") {
  for (const ModelShape& model : known_models()) {
    const size_t dash = model.name.find("-");
    const bool is_core = model.name.starts_with("core-");
    if (!model.name.starts_with("sc21-") && !is_core) continue;
    CAPTURE(model.name);
    const double billions = std::stod(model.name.substr(dash + 1));
    // Megatron-Core's output layer has a table of its own
    const int64_t table = is_core ? model.vocabulary * model.width : 0;
    CHECK(are_close(static_cast<double>(parameters(model) + table) / 1e9, billions, 0.04));
  }
  CHECK(contains(message_of<UsageError>([] { model_named("gpt5"); }), "gpt3-175b"));
  CHECK(contains(message_of<UsageError>([] { software_named("x"); }), "megatron-2021-buckets"));
}
