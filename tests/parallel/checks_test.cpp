// The checks that programs share: each holds where it should, and fails on every rank when one
// gradient, one number or one call is wrong on one rank.
#include <cmath>
#include <iostream>
#include <sstream>

#include "common/check/calls.h"
#include "common/check/compare.h"
#include "common/check/finite_differences.h"
#include "common/program/runtime.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

/// A run of a program whose output is kept.
struct Run {
  Options options{"05_parallel_mlp", "a program"};
  std::ostringstream printed;
  std::streambuf* console = std::cout.rdbuf(printed.rdbuf());
  Report report{world(), options};
  ~Run() { std::cout.rdbuf(console); }
};

/// The lines of a run that makes these checks, on rank 0; the exit status must say the same.
template <class Checks>
std::string output_of(bool holds, const Checks& checks) {
  Run run;
  checks(run.report);
  CHECK(run.report.finish() == (holds ? 0 : 1));
  return run.printed.str();
}

void check_lines(const std::string& output, const std::vector<std::string>& lines) {
  if (world().rank() != 0) return;
  for (const std::string& line : lines) CHECK_MESSAGE(contains(output, line), output);
}

bool is_last() { return world().rank() == world().size() - 1; }

// ---- Finite differences -------------------------------------------------------------------------

constexpr RandomStream entries{.seed = 1, .stream = 2};

/// Y = GeLU(X·A) + b with random sizes, and its gradients by formulas, in the order X, A, b.
struct Layer {
  Matrix x = random_matrix(4, 5, "x"), a = random_matrix(5, 3, "a"), b = random_matrix(1, 3, "b"),
         dy = random_matrix(4, 3, "dy");
  Variables variables;
  Loss loss = loss_of(
      [](const Points& p) {
        return reference::add_bias(reference::gelu(reference::matmul(p[0], p[1])), p[2]);
      },
      dy);

  Layer() {
    Matrix du = reference::matmul(x, a);
    for (size_t i = 0; i < du.values.size(); ++i)
      du.values[i] = gelu_derivative(du.values[i]) * dy.values[i];
    Matrix db(1, 3);
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t j = 0; j < 3; ++j) db(0, j) += dy(i, j);
    }
    variables = {
        {.name = "dX", .point = x, .gradient = tensor(matmul(du, reference::transpose(a)))},
        {.name = "dA", .point = a, .gradient = tensor(matmul(reference::transpose(x), du))},
        {.name = "db", .point = b, .gradient = tensor(db)}};
  }
};

}  // namespace

TEST_CASE("finite differences: the right gradients of all variables hold") {
  const Layer layer;
  for (const double error : finite_difference_errors(layer.loss, layer.variables, entries, 40))
    CHECK(error < 1e-6);
  const std::string output = output_of(true, [&](Report& report) {
    check_finite_differences(report, layer.loss, layer.variables, entries, 1e-6);
  });
  check_lines(output, {"ok    dX against finite differences", "ok    dA against finite differences",
                       "ok    db against finite differences"});
}

TEST_CASE("finite differences: one wrong gradient, or NaN in it, on one rank is found") {
  for (size_t wrong = 0; wrong < 3; ++wrong) {
    for (const float factor : {1.01f, -1.0f, 0.0f, NAN}) {
      Layer layer;
      Tensor& gradient = layer.variables[wrong].gradient;
      if (is_last()) scale(gradient, factor);
      const std::vector<double> errors =
          finite_difference_errors(layer.loss, layer.variables, entries, 40);
      for (size_t i = 0; i < 3; ++i) CHECK((errors[i] <= 1e-3) == (i != wrong || !is_last()));
      const std::string output = output_of(false, [&](Report& report) {
        check_finite_differences(report, layer.loss, layer.variables, entries, 1e-3);
      });
      check_lines(output, {"WRONG " + layer.variables[wrong].name + " against finite differences",
                           "2 of 3 checks hold"});
    }
  }
}

TEST_CASE("finite differences: a loss that is NaN at one point is found") {
  Layer layer;
  layer.variables[1].point(2, 1) = NAN;
  for (const double error : finite_difference_errors(layer.loss, layer.variables, entries, 40))
    CHECK(std::isnan(error));
}

TEST_CASE("variables of a layer: X, then every parameter with its gradient") {
  Parameter weight(backend(), "w", Shard::all({3, 4}), 5, 1.0f),
      bias(backend(), "b", Shard::all({4}), 5, 1.0f);
  const Matrix x = random_matrix(2, 3, "x"), dx = random_matrix(2, 3, "dx");
  const Variables variables = variables_of(tensor(x), tensor(dx), {&weight, &bias});
  REQUIRE(variables.size() == 3);
  CHECK(variables[0].name == "dX");
  CHECK(reference::relative_error(variables[0].gradient, dx) < 1e-6);
  CHECK(variables[1].name == "d w");
  CHECK(variables[2].name == "d b");
  const Points points = points_of(variables);
  CHECK(points[0].floats() == x.floats());
  CHECK(points[1].floats() == weight.value.to_host());
  CHECK(points[2].floats() == bias.value.to_host());
}

// ---- A split layer against the unsplit one ------------------------------------------------------

namespace {

/// Numbers of a layer that is split by rows, and of the unsplit one; all right at first.
struct Split {
  Range rows = part_of(7, world().size(), world().rank());
  Parameter whole_weight{backend(), "w", Shard::all({7, 5}), 1, 1.0f};
  Parameter whole_bias{backend(), "b", Shard::all({5}), 1, 1.0f};
  Parameter weight{backend(), "w", Shard::of_rows({7, 5}, rows), 1, 1.0f};
  Parameter bias{backend(), "b", Shard::all({5}), 1, 1.0f};
  Computed split, unsplit;

  Split() {
    whole_weight.gradient = tensor(random_matrix(7, 5, "dw"));
    whole_bias.gradient = tensor({5}, random_matrix(1, 5, "db"));
    weight.gradient = whole_weight.gradient.slice(rows).clone();
    bias.gradient = whole_bias.gradient.clone();
    unsplit = {.y = tensor(random_matrix(4, 5, "y")),
               .dx = tensor(random_matrix(4, 7, "dx")),
               .parameters = {&whole_weight, &whole_bias}};
    split = {.y = unsplit.y.clone(), .dx = unsplit.dx.clone(), .parameters = {&weight, &bias}};
  }

  std::string check(bool holds) {
    return output_of(holds, [&](Report& report) {
      check_split(report, "the unsplit layer", split, unsplit, 1e-5);
    });
  }
};

}  // namespace

TEST_CASE("split against whole: equal numbers hold; Y and dX may be left out") {
  Split layer;
  check_lines(layer.check(true), {"ok    Y against the unsplit layer",
                                  "ok    dX against the unsplit layer", "ok    d w", "ok    d b"});
  CHECK(largest_gradient_error(layer.split.parameters, layer.unsplit.parameters) == 0.0);
  layer.split.y = layer.unsplit.y = {};
  const std::string output = layer.check(true);
  CHECK_FALSE(contains(output, "Y against"));
  layer.split.dx = {};
  CHECK(message_of([&] { layer.check(true); }) == "check_split: only one of the two layers has dX");
}

TEST_CASE("split against whole: whatever is wrong on one rank fails, NaN too") {
  for (const float factor : {1.001f, NAN}) {
    for (int wrong = 0; wrong < 4; ++wrong) {
      Split layer;
      Tensor* numbers[] = {&layer.split.y, &layer.split.dx, &layer.weight.gradient,
                           &layer.bias.gradient};
      const char* names[] = {"Y against the unsplit layer", "dX against the unsplit layer", "d w",
                             "d b"};
      if (is_last()) scale(*numbers[wrong], factor);
      check_lines(layer.check(false), {text("WRONG ", names[wrong]), "3 of 4 checks hold"});
      const double error = largest_gradient_error(layer.split.parameters, layer.unsplit.parameters);
      CHECK((error <= 1e-5) == (wrong < 2 || !is_last()));
    }
  }
}

TEST_CASE("split against whole: the part of another rank is wrong") {
  if (world().size() == 1) return;
  Split layer;
  layer.weight.gradient = layer.whole_weight.gradient.slice({7 - layer.rows.size(), 7}).clone();
  check_lines(layer.check(false), {"WRONG d w", "3 of 4 checks hold"});
  CHECK((largest_gradient_error(layer.split.parameters, layer.unsplit.parameters) == 0.0) ==
        is_last());
}

TEST_CASE("split against whole: lists of other parameters are refused with both names") {
  Split layer;
  CHECK(message_of([&] { largest_gradient_error({&layer.weight}, {&layer.whole_bias}); }) ==
        "comparing gradients: w against b");
  CHECK(message_of([&] { largest_gradient_error({&layer.weight}, {}); }) ==
        "comparing gradients: 1 parameter against 0");
}

// ---- What was communicated ----------------------------------------------------------------------

namespace {

Ledger two_sums() {
  Ledger ledger;
  ledger.add(Collective::all_reduce, "tp", 1, 400, 0.5);
  ledger.add(Collective::all_reduce, "dp", 1, 40, 0.5);
  ledger.add(Collective::broadcast, "tp", 3, 24, 0);
  return ledger;
}

}  // namespace

TEST_CASE("calls: just the collectives, their number and their bytes, whatever the group") {
  const Ledger ledger = two_sums();
  const Calls sums{.op = Collective::all_reduce, .calls = 2, .bytes = 440},
      broadcasts{.op = Collective::broadcast, .calls = 3, .bytes = 24};
  CHECK(holds_just(ledger, {sums, broadcasts}));
  CHECK(holds_just(ledger, {broadcasts, sums}));
  CHECK(holds_just(ledger, {{.op = Collective::all_reduce, .calls = 1, .bytes = 400},
                            {.op = Collective::all_reduce, .calls = 1, .bytes = 40},
                            broadcasts}));
  CHECK(holds_just({}, {}));
  CHECK(holds_just({}, {{.op = Collective::all_reduce, .calls = 0, .bytes = 0}}));

  CHECK_FALSE(holds_just(ledger, {sums}));  // one collective more
  CHECK_FALSE(holds_just(ledger, {}));
  CHECK_FALSE(holds_just({}, {sums}));
  CHECK_FALSE(holds_just(ledger, {sums, sums, broadcasts}));
  for (const int64_t more : {-1, 1}) {  // one call more, or other bytes
    CHECK_FALSE(
        holds_just(ledger, {{.op = sums.op, .calls = 2 + more, .bytes = sums.bytes}, broadcasts}));
    CHECK_FALSE(holds_just(ledger, {{.op = sums.op, .calls = 2, .bytes = sums.bytes + 4 * more},
                                    broadcasts}));
  }
  CHECK_FALSE(holds_just(ledger, {{.op = Collective::all_reduce_max, .calls = 2, .bytes = 440},
                                  broadcasts}));
}

TEST_CASE("calls: a check that fails prints what there was on the first rank where it does") {
  const std::vector<Calls> expected{{.op = Collective::all_reduce, .calls = 2, .bytes = 440},
                                    {.op = Collective::broadcast, .calls = 3, .bytes = 24}};
  const auto with = [&](bool holds, const Ledger& ledger) {
    return output_of(holds,
                     [&](Report& report) { check_calls(report, "calls", ledger, expected); });
  };
  CHECK_FALSE(contains(with(true, two_sums()), "rank"));
  Ledger more = two_sums();
  if (is_last()) more.add(Collective::all_gather, "tp", 1, 8, 0);
  check_lines(with(false, more),
              {text("  WRONG calls\n        rank ", world().size() - 1,
                    ": 2 all_reduce of 440 bytes, 1 all_gather of 8 bytes, 3 broadcast of 24 "
                    "bytes\n")});
  check_lines(with(false, {}), {"  WRONG calls\n        rank 0: no communication\n"});
}
