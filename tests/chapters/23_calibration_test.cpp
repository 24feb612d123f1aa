// Ranks: 1. CPU only.
// What --calibrate and --check-here conclude from measurements that are made up here.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "chapters/23_planner/calibration.h"
#include "chapters/23_planner/cpu_step.h"
#include "chapters/23_planner/here.h"
#include "chapters/23_planner/nonnegative_least_squares.h"
#include "tests/test_support.h"

namespace shard::chapter_23 {
namespace {

using enum Operation;

/// Seconds of each count of an operation; what is not named costs next to nothing.
using Costs = std::map<Operation, Counts>;

double seconds_on(const Costs& machine, const OperationWork& work) {
  constexpr double nothing = 1e-18;
  const auto found = machine.find(work.operation);
  double sum = 0;
  for (size_t i = 0; i < work.counts.size(); ++i)
    sum += (found == machine.end() ? nothing : found->second[i]) * work.counts[i];
  return sum;
}

std::vector<Sample> samples_of(const Costs& machine) {
  std::vector<Sample> samples;
  const auto add = [&](Operation operation, std::vector<int64_t> sizes) {
    samples.push_back({operation, std::move(sizes)});
    samples.back().seconds = seconds_on(machine, work_of(samples.back()));
  };
  for (const Operation operation : all_operations()) {
    for (const int64_t a : {3, 40, 700}) {
      if (operation > attention_backward) add(operation, {a * a});
      for (const int64_t b : {5, 90, 300})
        for (const int64_t c : {8, 64, 1100})
          if (operation <= attention_backward) add(operation, {a, b, c});
    }
  }
  return samples;
}

Cluster cluster_on(const Costs& machine) {
  return cluster_of("made up", samples_of(machine), 200e9, 8e9, 2);
}

const ModelShape model{
    .name = "", .layers = 3, .width = 48, .heads = 4, .context = 32, .vocabulary = 100};

std::filesystem::path file_with(const std::string& content) {
  const auto file =
      std::filesystem::temp_directory_path() / text("23_calibration_test_", getpid(), ".json");
  std::ofstream(file) << content;
  return file;
}

/// What is said of a cluster file whose operations are these.
std::string problem_with_operations(const std::string& operations) {
  const auto file =
      std::filesystem::temp_directory_path() / text("23_calibration_test_", getpid(), ".json");
  save(cluster_on({}), file);
  nlohmann::json json = nlohmann::json::parse(std::ifstream(file));
  json["operations"] = nlohmann::json::parse(operations);
  return message_of<UsageError>([&] { cluster_from(file_with(json.dump())); });
}

Outcome outcome(const char* of_model, double predicted, double measured) {
  return {.model = of_model, .layout = {}, .predicted = predicted, .measured = measured};
}

}  // namespace

TEST_CASE("calibration: least squares find coefficients, and none that is negative") {
  const std::vector<std::vector<double>> rows{{1, 2}, {1, 5}, {1, 11}};
  const auto line = nonnegative_least_squares(rows, {7, 13, 25});  // 3 + 2x
  CHECK(line[0] == doctest::Approx(3));
  CHECK(line[1] == doctest::Approx(2));
  // -1 + 2x would fit; through the origin, Σxy/Σx² is best
  const auto through_origin = nonnegative_least_squares(rows, {3, 9, 21});
  CHECK(through_origin[0] == 0);
  CHECK(through_origin[1] == doctest::Approx((2.0 * 3 + 5 * 9 + 11 * 21) / (4 + 25 + 121)));
  CHECK(contains(message_of([&] { nonnegative_least_squares(rows, {1}); }), "1 values to 3 rows"));
}

TEST_CASE("calibration: the fit finds the numbers of a made-up machine") {
  const Costs machine{{linear, {3e-6, 1.2e-11, 4e-10, 2e-10, 3e-10}},
                      {weight_gradient, {1e-6, 1.5e-11, 0, 5e-10, 1e-10}},
                      {attention, {2e-6, 4e-7, 3e-10, 5e-12}},
                      {adamw, {5e-7, 1e-9}},
                      {all_reduce, {4e-6, 2e-10}}};
  const OperationCosts costs(samples_of(machine));
  for (const auto& [operation, expected] : machine) {
    const Counts line = costs.line(operation);
    REQUIRE(line.size() == expected.size());
    for (size_t i = 0; i < line.size(); ++i)
      CHECK_MESSAGE(line[i] == doctest::Approx(expected[i]).epsilon(1e-6), name_of(operation));
  }
  for (const OperationWork& work :
       {product_work(linear, 17, 130, 999), pass_work(adamw, 12345),
        attention_work(attention, 6, 77, 77, 24), pass_work(all_reduce, 1)})
    CHECK(costs.seconds(work) == doctest::Approx(seconds_on(machine, work)).epsilon(1e-6));
  const Cluster cluster = cluster_on(machine);
  CHECK(cluster.peak * cluster.product_share == doctest::Approx(2 / 1.2e-11));
  CHECK(cluster.product_edge == doctest::Approx((4e-10 + 2e-10 + 3e-10) / 3 / 1.2e-11));
  CHECK(cluster.inside.latency == doctest::Approx(4e-6));
  CHECK(cluster.inside.bandwidth == doctest::Approx(1 / 2e-10));  // two ranks send each byte once
}

TEST_CASE("calibration: what is off the line is taken from the nearest measurements") {
  // a pass that leaves the cache: 1 ns an element, then 4
  const OperationCosts costs({{copy, {1000}, 1e-6},
                              {copy, {10'000}, 1e-5},
                              {copy, {1'000'000}, 4e-3},
                              {copy, {10'000'000}, 4e-2}});
  for (const Sample& sample : costs.samples())
    CHECK(costs.seconds(work_of(sample)) == doctest::Approx(sample.seconds).epsilon(1e-3));
  CHECK(costs.seconds(pass_work(copy, 100'000'000)) > 3e-9 * 100'000'000);
  CHECK(costs.seconds(pass_work(copy, 3000)) < 1.5e-9 * 3000);
  CHECK(contains(message_of([&] { costs.seconds(pass_work(zero, 5)); }), "operation zero"));
  CHECK(contains(message_of([] { OperationCosts({{copy, {5}, 0.0}}); }), "copy took 0 seconds"));
}

TEST_CASE("calibration: attention computes scores in strips of 64 queries") {
  const OperationWork causal = attention_work(attention, 3, 100, 100, 16);
  CHECK(causal.counts == Counts{1, 3 * 2, 3 * (64 * 64 + 36 * 100), 3 * 16 * (64 * 64 + 36 * 100)});
  const OperationWork later = attention_work(attention, 1, 20, 50, 8, {.first_query = 50});
  CHECK(later.counts == Counts{1, 1, 20 * 50, 20 * 50 * 8});
}

TEST_CASE("calibration: a cluster file says all of it again") {
  const Cluster before = cluster_on({{copy, {1e-7, 1e-10}}});
  const auto file =
      std::filesystem::temp_directory_path() / text("23_calibration_test_", getpid(), ".json");
  save(before, file);
  const Cluster after = cluster_from(file);
  CHECK(after.name == before.name);
  CHECK(after.peak == before.peak);
  CHECK(after.inside.bandwidth == before.inside.bandwidth);
  REQUIRE(after.operations.samples().size() == before.operations.samples().size());
  const OperationWork work = product_work(gelu_product, 20, 30, 40);
  CHECK(after.operations.seconds(work) ==
        doctest::Approx(before.operations.seconds(work)).epsilon(1e-9));
}

TEST_CASE("calibration: operations that are wrong are refused in one sentence") {
  const auto says = [](const std::string& operations, const std::string& phrase) {
    const std::string sentence = problem_with_operations(operations);
    CHECK_MESSAGE(contains(sentence, phrase), sentence);
    CHECK_FALSE(contains(sentence, "\n"));
  };
  says("[]", "\"operations\" is not an object");
  says(R"({"divide": {"5": 1}})", "unknown operation \"divide\"");
  says(R"({"copy": {}})", "\"copy\" is not an object of seconds by size");
  says(R"({"copy": {"5 x 6": 1}})", "\"5 x 6\" is not a size");
  says(R"({"linear": {"5 x 6": 1}})", "\"5 x 6\" is not a size such as 64 x 256 x 768");
  says(R"({"linear": {"5 x 6 x -7": 1}})", "\"5 x 6 x -7\" is not a size");
  says(R"({"linear": {"5 x 6 x ": 1}})", "\"5 x 6 x \" is not a size");
  says(R"({"copy": {"12345678901234567890": 1}})", "is not a size");
  says(R"({"copy": {"5": -1e-3}})", "size 5 takes -0.001, not a number of seconds greater than 0");
  says(R"({"copy": {"5": 0}})", "takes 0, not");
  says(R"({"copy": {"5": "fast"}})", "takes \"fast\", not");
}

TEST_CASE("calibration: a step has the products of its model") {
  const Counts of_products{0, 1, 0, 0, 0};  // a second each
  Costs machine;
  for (int i = 0; i <= static_cast<int>(weight_gradient); ++i)
    machine[static_cast<Operation>(i)] = of_products;
  const Cluster cluster = cluster_on(machine);
  const auto products = [&](const Layout& layout) {
    return cpu_step_time(model, layout, 4, cluster.operations).products;
  };
  // of each weight, three products of every token
  const double block = 12.0 * 48 * 48, head = 100 * 48, tokens = 4 * 32;
  const double whole = 3 * tokens * (3 * block + head);
  const auto near = [](double value) { return doctest::Approx(value).epsilon(1e-6); };
  CHECK(products({}) == near(whole));
  CHECK(products({.tp = 2, .micro_batch = 2}) == near(whole / 2));
  CHECK(products({.tp = 2, .micro_batch = 2, .sequence_parallel = true}) == near(whole / 2));
  CHECK(products({.cp = 2}) == near(whole / 2));
  CHECK(products({.dp = 2, .shard_optimizer = 3}) == near(whole / 2));
  // again: all but the block's last product, of 4 · 48² weights
  CHECK(products({.recompute = Recompute::full}) == near(whole + tokens * 3 * 8 * 48 * 48));
  // the last stage has one block and the head, the first two blocks
  CHECK(products({.pp = 2}) == near(3 * tokens * 2 * block));
}

TEST_CASE("calibration: a step has the collectives of its layout") {
  const auto calls = [&](Operation operation, const Layout& layout, double StepTime::*axis) {
    const Cluster cluster = cluster_on({{operation, {1, 0}}});
    return cpu_step_time(model, layout, 4, cluster.operations).*axis;
  };
  const Layout tp{.tp = 2, .micro_batch = 2}, dp{.dp = 2};
  // of each micro-batch: 4 a block, embedding and head, 3 of the loss
  CHECK(calls(all_reduce, tp, &StepTime::tp) == doctest::Approx(2 * (4 * 3 + 2 + 3)));
  Layout sp = tp;
  sp.sequence_parallel = true;
  // both halves gather before, and twice in the backward pass; head and embedding once more
  CHECK(calls(all_gather, sp, &StepTime::tp) == doctest::Approx(2 * (6 * 3 + 2)));
  CHECK(calls(reduce_scatter, sp, &StepTime::tp) == doctest::Approx(2 * (4 * 3 + 2)));
  CHECK(calls(all_reduce, dp, &StepTime::dp) == doctest::Approx(1));  // a bucket
  Layout sharded = dp;
  sharded.shard_optimizer = 2;
  CHECK(calls(reduce_scatter, sharded, &StepTime::dp) == doctest::Approx(2));  // micro-batches
  CHECK(calls(all_gather, sharded, &StepTime::dp) == doctest::Approx(1));
  sharded.shard_optimizer = 3;  // root, and both passes of the blocks but the last one's second
  CHECK(calls(all_gather, sharded, &StepTime::dp) == doctest::Approx(1 + 2 * (2 * 3 - 1)));
  // keys and values once forwards, and with their gradients three times backwards
  CHECK(calls(message, {.cp = 2}, &StepTime::cp) == doctest::Approx(4 * 3 * (1 + 3)));
}

TEST_CASE("here: the score counts errors, and pairs that are far enough apart") {
  const HereScore score =
      score_of({outcome("a", 1.0, 1.0), outcome("a", 1.3, 1.2), outcome("a", 1.05, 1.1),
                outcome("a", 1.0, 2.0), outcome("b", 9.0, 3.0), outcome("b", 8.0, 4.0)});
  // in a: 1.2 to 1.0 is right, 2.0 is wrong with 1.2 and 1.1, and with 1.0 not told apart; in b
  // the only pair is wrong
  CHECK(score.pairs == 5);
  CHECK(score.in_order == 1);
  CHECK(score.share_in_order() == doctest::Approx(0.2));
  CHECK(score.worst_error == doctest::Approx(2.0));
  // 0, 1/12, 1/22, 1/2, 2, 1
  CHECK(score.median_error == doctest::Approx((1.0 / 12 + 0.5) / 2));
  CHECK(HereScore{}.share_in_order() == 1);
}

TEST_CASE("here: ten different layouts that fit all three models") {
  const std::vector<Layout> layouts = layouts_here(2);
  CHECK(layouts.size() == 10);
  CHECK(models_here().size() == 3);
  std::set<std::string> names;
  for (const Layout& layout : layouts) {
    names.insert(to_string(layout));
    CHECK(layout.ranks() == 2);
    for (const HereModel& each : models_here())
      CHECK_MESSAGE(problem_of(layout, each.shape, each.batch).empty(), to_string(layout));
  }
  CHECK(names.size() == layouts.size());
}

}  // namespace shard::chapter_23
