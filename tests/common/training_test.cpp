// Sums, gradient clipping, AdamW and parameters.
#include <cmath>

#include "common/tensor/parameter.h"
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

TEST_CASE("add_sum and add_sum_of_squares add to what is there") {
  for (int64_t count : {0, 1, 37, 100'003}) {
    const Matrix x = random_matrix(1, count, "x");
    double sum = 10, squares = 10;
    for (double value : x.values) sum += value, squares += value * value;
    Tensor total = Tensor::full(backend(), {1}, 10.0f), total_of_squares = total.clone();
    add_sum(total, tensor({count}, x));
    add_sum_of_squares(total_of_squares, tensor({count}, x));
    CHECK(total.to_host()[0] == doctest::Approx(sum).epsilon(1e-5));
    CHECK(total_of_squares.to_host()[0] == doctest::Approx(squares).epsilon(1e-6));
  }
}

TEST_CASE("clip_factor: min(1, limit / norm); no limit is 1") {
  const auto factor = [](float squares, float limit) {
    return clip_factor(tensor({1}, std::vector<float>{squares}), limit).to_host()[0];
  };
  CHECK(factor(25.0f, 2.0f) == doctest::Approx(0.4));
  CHECK(factor(25.0f, 7.0f) == 1.0f);
  CHECK(factor(0.0f, 1.0f) == 1.0f);
  CHECK(factor(25.0f, 0.0f) == 1.0f);
  CHECK(factor(1e-14f, 1e-7f) == doctest::Approx(1e-7 / 1.1e-6));  // the 1e-6 of the formula
  CHECK(message_of([&] { factor(1.0f, -1.0f); }) == "clip_factor: the limit -1 is negative");
}

TEST_CASE("adamw: several steps against double precision") {
  const int64_t count = 53;
  const Matrix start = random_matrix(1, count, "weight");
  Tensor weight = tensor({count}, start), m = Tensor::zeros(backend(), {count}), v = m.clone();
  std::vector<double> w = start.values, first(w.size()), second(w.size());
  AdamW hyper{.learning_rate = 0.02f,
              .beta1 = 0.8f,
              .beta2 = 0.95f,
              .epsilon = 1e-3f,
              .weight_decay = 0.3f};
  const double factor = 0.625;
  for (hyper.step = 1; hyper.step <= 5; ++hyper.step) {
    const Matrix gradient = random_matrix(1, count, text("gradient ", hyper.step));
    adamw(weight, m, v, tensor({count}, gradient), Tensor::full(backend(), {1}, factor), hyper);
    const double c1 = 1 - std::pow(double{hyper.beta1}, hyper.step),
                 c2 = 1 - std::pow(double{hyper.beta2}, hyper.step);
    for (size_t i = 0; i < w.size(); ++i) {
      const double g = factor * gradient.values[i];
      first[i] = hyper.beta1 * first[i] + (1 - double{hyper.beta1}) * g;
      second[i] = hyper.beta2 * second[i] + (1 - double{hyper.beta2}) * g * g;
      w[i] -= double{hyper.learning_rate} * hyper.weight_decay * w[i];
      w[i] -= hyper.learning_rate * (first[i] / c1) / (std::sqrt(second[i] / c2) + hyper.epsilon);
    }
    CHECK(relative_error(weight.to_host(), w) < 1e-6);
    CHECK(relative_error(m.to_host(), first) < 1e-6);
    CHECK(relative_error(v.to_host(), second) < 1e-6);
  }
}

TEST_CASE("adamw: parts of a tensor, wherever it is cut, get the bits of the whole") {
  const int64_t count = 211;
  const auto made = [&](const char* name) {
    return tensor({count}, random_matrix(1, count, name));
  };
  const auto squared = [&] {
    std::vector<float> values = made("v").to_host();
    for (float& value : values) value *= value;
    return tensor({count}, values);
  };
  const Tensor gradient = made("g"), factor = Tensor::full(backend(), {1}, 0.7f);
  const AdamW hyper{.learning_rate = 0.02f, .weight_decay = 0.3f, .step = 3};
  Tensor w = made("w"), m = made("m"), v = squared();
  adamw(w, m, v, gradient, factor, hyper);
  for (const int64_t cut : {1, 2, 7, 64, 105, 128, 210}) {
    Tensor w2 = made("w"), m2 = made("m"), v2 = squared();
    for (const Range part : {Range{0, cut}, Range{cut, count}}) {
      Tensor some_w = w2.slice(part), some_m = m2.slice(part), some_v = v2.slice(part);
      adamw(some_w, some_m, some_v, gradient.slice(part), factor, hyper);
    }
    CAPTURE(cut);
    CHECK(relative_error(w2, w) < 1e-6);
    if (backend().device() != Device::cpu) continue;  // another compiler, and another length
    CHECK(w2.to_host() == w.to_host());
    CHECK(m2.to_host() == m.to_host());
    CHECK(v2.to_host() == v.to_host());
  }
}

TEST_CASE("adamw: a gradient of zero only decays the weight") {
  Tensor weight = Tensor::full(backend(), {3}, 2.0f), m = Tensor::zeros(backend(), {3}),
         v = m.clone();
  const Tensor none = m.clone();
  adamw(weight, m, v, none, Tensor::full(backend(), {1}, 1.0f),
        {.learning_rate = 0.5f, .weight_decay = 0.25f});
  CHECK(weight.to_host() == std::vector<float>(3, 1.75f));
}

namespace {

/// `count` tensors, more than a launch takes: of all lengths, also none, some of them at odd
/// addresses.
std::vector<Tensor> many_tensors(int count, const std::string& name) {
  std::vector<Tensor> all;
  for (int i = 0; i < count; ++i) {
    const int64_t elements = i % 7 == 3 ? 0 : i == 5 ? 40'003 : 3 + 29 * i % 640, offset = i % 3;
    const Matrix values = random_matrix(1, offset + elements, text(name, i));
    all.push_back(tensor({offset + elements}, values).slice({offset, offset + elements}));
  }
  return all;
}

}  // namespace

TEST_CASE("many tensors at once: the bits of one after the other, in a few launches") {
  const int count = 150;
  const bool on_gpu = backend().device() == Device::cuda;
  const std::vector<Tensor> gradients = many_tensors(count, "gradient");
  Tensor total = Tensor::full(backend(), {1}, 3.0f), one_by_one = total.clone();
  int64_t before = backend().launches();
  add_sum_of_squares(total, gradients);
  CHECK(backend().launches() - before == (on_gpu ? 2 * 3 + 1 : 0));
  for (const Tensor& x : gradients) add_sum_of_squares(one_by_one, x);
  CHECK(total.to_host() == one_by_one.to_host());

  std::vector<TrainedWeight> together, single;
  for (int i = 0; i < count; ++i) {
    const Tensor& g = gradients[static_cast<size_t>(i)];
    const auto start = [&](float value) { return Tensor::full(backend(), g.shape(), value); };
    together.push_back({g.clone(), g.clone(), start(0.5f), g, {}, i % 2 == 0});
    single.push_back({g.clone(), g.clone(), start(0.5f), g, {}});
  }
  const Tensor factor = clip_factor(total, 0.5f);
  AdamW hyper{.learning_rate = 0.02f, .weight_decay = 0.3f, .step = 3};
  before = backend().launches();
  adamw(together, factor, hyper);
  CHECK(backend().launches() - before == (on_gpu ? 3 : 0));
  for (size_t i = 0; i < single.size(); ++i) {
    auto& [weight, m, v, gradient, rounded, decays] = single[i];
    hyper.weight_decay = i % 2 == 0 ? 0.3f : 0.0f;
    adamw(weight, m, v, gradient, factor, hyper);
    CHECK(together[i].weight.to_host() == weight.to_host());
    CHECK(together[i].first_moment.to_host() == m.to_host());
    CHECK(together[i].second_moment.to_host() == v.to_host());
  }

  // views of one block of memory: what lies between them stays as it is
  Tensor memory = Tensor::full(backend(), {1000}, 7.0f);
  const std::vector<Tensor> parts = {memory.slice({1, 90}), memory.slice({91, 91}),
                                     memory.slice({92, 604}), memory.slice({605, 606})};
  before = backend().launches();
  zero(parts);
  CHECK(backend().launches() - before == (on_gpu ? 1 : 0));
  std::vector<float> expected(1000, 7.0f);
  for (const Range part : {Range{1, 90}, Range{92, 604}, Range{605, 606}})
    std::fill(expected.begin() + part.begin, expected.begin() + part.end, 0.0f);
  CHECK(memory.to_host() == expected);
  zero({});
}

TEST_CASE("training ops: shapes that differ are refused") {
  Tensor x(backend(), {4, 6}), y(backend(), {6, 4}), one(backend(), {1});
  CHECK(message_of([&] { add_sum(x, y); }) ==
        "add_sum: the total has shape [4 × 6], but needs 1 element");
  CHECK(message_of([&] { clip_factor(x, 1.0f); }) ==
        "clip_factor: the sum has shape [4 × 6], but needs 1 element");
  CHECK(message_of([&] { adamw(x, x, y, x, one, {}); }) ==
        "adamw: shapes [4 × 6] and [6 × 4] differ");
  const TrainedWeight one_more{x, x, x, x, x};
  CHECK(message_of([&] { adamw(std::span(&one_more, 1), one, {}); }) ==
        "adamw: weights are rounded to bf16, not to f32");
  const std::vector<Tensor> with_ids = {x, indices({1, 2})};
  CHECK(message_of([&] { zero(with_ids); }) == "zero needs a tensor of f32, not i32");
}

TEST_CASE("parameter: every shard starts with its part of the same whole") {
  const Parameter whole(backend(), "w", Shard::all({5, 12}), 3, 0.5f, 2.0f);
  const std::vector<float> values = whole.value.to_host();
  CHECK(whole.gradient.to_host() == std::vector<float>(60, 0.0f));
  for (const Shard& shard :
       {Shard::of_rows({5, 12}, {3, 7}), Shard::of_columns({5, 12}, {{1, 3}, {5, 7}, {9, 11}})}) {
    CHECK(Parameter(backend(), "w", shard, 3, 0.5f, 2.0f).value.to_host() == shard.cut(values));
  }
  double mean = 0;
  for (float value : values) mean += value / 60;
  CHECK(std::abs(mean - 2) < 0.3);
  CHECK(Parameter(backend(), "other", Shard::all({5, 12}), 3, 0.5f, 2.0f).value.to_host() !=
        values);
  CHECK(Parameter(backend(), "w", Shard::all({5, 12}), 4, 0.5f, 2.0f).value.to_host() != values);
  CHECK(Parameter(backend(), "w", Shard::all({4}), 3, 0.0f, 1.0f).value.to_host() ==
        std::vector<float>(4, 1.0f));
}

TEST_CASE("parameter: whole values can be assigned to a shard") {
  Parameter part(backend(), "w", Shard::of_rows({5, 3}, {4, 6}), 3, 0.5f);
  part.assign_whole(random_matrix(5, 3, "whole").floats());
  CHECK(part.value.slice({0, 1}).to_host() ==
        tensor(random_matrix(5, 3, "whole")).slice({4, 5}).to_host());
  CHECK(part.value.slice({1, 2}).to_host() == std::vector<float>(3, 0.0f));  // padding
  CHECK_FALSE(part.is_replicated());
  CHECK(part.is_matrix());
}

TEST_CASE("parameter: gradients are zeroed, and who listens hears that they are ready") {
  Parameter a(backend(), "a", Shard::all({2, 3}), 1, 1.0f),
      b(backend(), "b", Shard::all({3}), 1, 1.0f);
  Parameters all = {&a};
  append(all, {&b});
  REQUIRE(all.size() == 2);
  fill(a.gradient, 4.0f);
  fill(b.gradient, 5.0f);
  zero_gradients(all);
  CHECK(a.gradient.to_host() == std::vector<float>(6, 0.0f));
  CHECK(b.gradient.to_host() == std::vector<float>(3, 0.0f));
}

TEST_CASE("parameter: several listen for a ready gradient, each until its handle is gone") {
  std::string heard;
  Listener longest;
  {
    Parameter b(backend(), "b", Shard::all({3}), 1, 1.0f);
    b.gradient_is_ready();
    CHECK(heard.empty());
    Listener first = b.on_gradient_ready([&] { heard += "first "; });
    longest = b.on_gradient_ready([&] { heard += "second "; });
    b.gradient_is_ready();
    first.reset();
    b.gradient_is_ready();
    CHECK(heard == "first second second ");
    const Listener third = b.on_gradient_ready([&] { heard += "third "; });
    b.gradient_is_ready();
    CHECK(heard == "first second second second third ");
  }
  longest.reset();  // a handle may outlive the parameter
}

TEST_CASE("parameter: hooks before and after each use, in pairs") {
  Parameter b(backend(), "b", Shard::all({3}), 1, 1.0f);
  std::string calls;
  b.before_use = [&] { calls += "("; };
  b.after_use = [&] { calls += ")"; };
  CHECK((*b.use()).elements() == 3);
  CHECK(calls == "()");
  {
    const auto one = b.use(), other = b.use();
    CHECK(calls == "()((");
  }
  CHECK(calls == "()(())");
  b.before_use = b.after_use = nullptr;
  CHECK((*b.use()).memory() == b.value.memory());
}

TEST_CASE("parameter: a hook before each addition to the gradient, which may provide it") {
  Parameter b(backend(), "b", Shard::all({3}), 1, 1.0f);
  CHECK(b.open_gradient().memory() == b.gradient.memory());
  b.gradient = {};
  int calls = 0;
  b.before_gradient = [&] {
    if (calls++ == 0) b.gradient = Tensor::zeros(backend(), {3});
  };
  accumulate(b.open_gradient(), Tensor::full(backend(), {3}, 2.0f));
  accumulate(b.open_gradient(), Tensor::full(backend(), {3}, 3.0f));
  CHECK(calls == 2);
  CHECK(b.gradient.to_host() == std::vector<float>{5, 5, 5});
}

TEST_CASE("parameter: squares of the gradients that count") {
  Parameter a(backend(), "a", Shard::all({2, 3}), 1, 1.0f),
      b(backend(), "b", Shard::all({3}), 1, 1.0f);
  CHECK(a.partial_over == std::vector<std::string>{"dp"});
  fill(a.gradient, 4.0f);
  fill(b.gradient, 5.0f);
  Tensor total = tensor({1}, {7.0f});
  add_counted_squares(total, {&a, &b});
  CHECK(total.to_host()[0] == 7 + 6 * 16 + 3 * 25);
  b.counts = false;
  add_counted_squares(total, {&a, &b});
  CHECK(total.to_host()[0] == 7 + 2 * 6 * 16 + 3 * 25);
}
