// The operations of a mixture of experts: the router's choice, its gradient, and sums of rows.
#include "common/tensor/routing.h"

#include <cmath>

#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

constexpr int64_t tokens = 23, experts = 7, width = 13, k = 3;

Tensor bias_of(const Matrix& bias) { return tensor({experts}, bias); }

/// Σ over tokens of weights ∘ dweights + probabilities · dprobabilities, in double precision.
double loss_of(const Matrix& logits, const Matrix& bias, bool renormalised, const Matrix& dweights,
               const Matrix& dprobabilities) {
  const Matrix probabilities = reference::softmax(logits);
  const auto choices = reference::route(logits, bias, dweights.columns, renormalised);
  double loss = 0;
  for (int64_t i = 0; i < logits.rows; ++i) {
    for (int64_t slot = 0; slot < dweights.columns; ++slot)
      loss += choices[i].weights[slot] * dweights(i, slot);
    for (int64_t e = 0; e < logits.columns; ++e) loss += probabilities(i, e) * dprobabilities(0, e);
  }
  return loss;
}

}  // namespace

TEST_CASE("route: the largest probabilities with their bias, and both kinds of weights") {
  const Matrix logits = random_matrix(tokens, experts, "logits", 2.0),
               bias = random_matrix(1, experts, "bias", 0.3), none(1, experts);
  for (const bool renormalised : {false, true}) {
    for (const bool biased : {false, true}) {
      const RouterWeights by = renormalised ? RouterWeights::of_chosen : RouterWeights::of_all;
      const Routing routing = route(tensor(logits), biased ? bias_of(bias) : Tensor(), k, by);
      CHECK(relative_error(routing.probabilities, reference::softmax(logits)) < 1e-6);
      const auto choices = reference::route(logits, biased ? bias : none, k, renormalised);
      const std::vector<int32_t> chosen = routing.chosen.to_host_int();
      Matrix weights(tokens, k);
      for (int64_t i = 0; i < tokens; ++i) {
        for (int64_t slot = 0; slot < k; ++slot) {
          CHECK(chosen[i * k + slot] == choices[i].experts[slot]);
          weights(i, slot) = choices[i].weights[slot];
        }
      }
      CHECK(relative_error(routing.weights, weights) < 1e-6);
    }
  }
}

TEST_CASE("route: of equal experts the first; NaN and large numbers choose each at most once") {
  const float nan = std::nanf("");
  const Tensor logits = tensor({4, 3}, {5, 5, 5, 1, 2, 2, nan, nan, nan, 3e4f, -3e4f, 3e4f});
  const Routing routing = route(logits, {}, 2, RouterWeights::of_chosen);
  CHECK(routing.chosen.to_host_int() == std::vector<int32_t>{0, 1, 1, 2, 0, 1, 0, 2});
  const std::vector<float> weights = routing.weights.to_host();
  for (int i : {0, 1, 2, 3, 6, 7}) CHECK(weights[i] == 0.5f);
  CHECK(std::isnan(weights[4]));
}

TEST_CASE("route_backward: against finite differences, with and without the probabilities' part") {
  const Matrix logits = random_matrix(tokens, experts, "logits", 2.0),
               bias = random_matrix(1, experts, "bias", 0.3), none(1, experts);
  for (const bool renormalised : {false, true}) {
    for (const int64_t choices : {int64_t{1}, k, experts}) {
      for (const bool balanced : {false, true}) {
        if (renormalised && choices == 1 && !balanced) continue;  // 0: below
        INFO("renormalised ", renormalised, ", ", choices, " chosen, balanced ", balanced);
        const Matrix dweights = random_matrix(tokens, choices, "dweights"),
                     common = balanced ? random_matrix(1, experts, "dprobabilities") : none;
        const RouterWeights by = renormalised ? RouterWeights::of_chosen : RouterWeights::of_all;
        const Routing routing = route(tensor(logits), bias_of(bias), choices, by);
        const Tensor dlogits =
            route_backward(routing, tensor(dweights), balanced ? bias_of(common) : Tensor());
        const auto loss = [&](const Matrix& point) {
          return loss_of(point, bias, renormalised, dweights, common);
        };
        CHECK(reference::finite_difference_error(loss, logits, dlogits.to_host(), {1, 2}, 30) <
              1e-4);
      }
    }
  }
}

TEST_CASE("route_backward: one chosen expert with renormalised weight has no gradient at all") {
  const Routing routing =
      route(tensor(random_matrix(tokens, experts, "logits")), {}, 1, RouterWeights::of_chosen);
  CHECK(routing.weights.to_host() == std::vector<float>(tokens, 1.0f));
  const Tensor dlogits = route_backward(routing, tensor(random_matrix(tokens, 1, "dweights")), {});
  for (float value : dlogits.to_host()) CHECK(value == 0.0f);
}

TEST_CASE("occurrences: of each value, of none, and of values outside") {
  const Tensor ids =
      Tensor::from(backend(), {3, 3},
                   std::span<const int32_t>(std::vector<int32_t>{2, 0, 4, 2, 2, -1, 9, 4, 5}));
  CHECK(occurrences(ids, 6).to_host_int() == std::vector<int32_t>{1, 0, 3, 0, 2, 1});
  CHECK(occurrences(indices({}), 3).to_host_int() == std::vector<int32_t>{0, 0, 0});
  std::vector<int32_t> many(3001);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<int32_t>(i % 3);
  CHECK(occurrences(indices(many), 3).to_host_int() == std::vector<int32_t>{1001, 1000, 1000});
}

namespace {

/// For each token k rows in no order; -1 in `missing` places. Every row is named once.
std::vector<int32_t> some_places(int64_t rows_of_token, int64_t missing) {
  const int64_t count = tokens * rows_of_token;
  std::vector<int32_t> places(static_cast<size_t>(count));
  int32_t next = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = i * 17 % count;  // 17 divides no count here
    places[at] = i < missing ? -1 : next++;
  }
  return places;
}

}  // namespace

TEST_CASE("sum_of_rows and its backward pass: weighted, unweighted, and with places left out") {
  for (const int64_t missing : {0, 5}) {
    for (const int64_t columns : {int64_t{13}, int64_t{16}, int64_t{1030}}) {
      const std::vector<int32_t> places = some_places(k, missing);
      const int64_t count = tokens * k - missing;
      const Matrix rows = random_matrix(count, columns, "rows"),
                   weights = random_matrix(tokens, k, "weights"),
                   dy = random_matrix(tokens, columns, "dy");
      Matrix y(tokens, columns), plain(tokens, columns), drows(count, columns), dweights(tokens, k);
      for (int64_t i = 0; i < tokens; ++i) {
        for (int64_t slot = 0; slot < k; ++slot) {
          const int32_t place = places[i * k + slot];
          for (int64_t j = 0; place >= 0 && j < columns; ++j) {
            y(i, j) += weights(i, slot) * rows(place, j);
            plain(i, j) += rows(place, j);
            drows(place, j) = weights(i, slot) * dy(i, j);
            dweights(i, slot) += rows(place, j) * dy(i, j);
          }
        }
      }
      const Tensor at = Tensor::from(backend(), {tokens, k}, std::span<const int32_t>(places));
      CHECK(relative_error(sum_of_rows(tensor(rows), at, tensor(weights)), y) < 1e-6);
      CHECK(relative_error(sum_of_rows(tensor(rows), at, {}), plain) < 1e-6);
      const SumOfRowsBackward got =
          sum_of_rows_backward(tensor(dy), tensor(rows), at, tensor(weights));
      CHECK(relative_error(got.drows, drows) < 1e-6);
      CHECK(relative_error(got.dweights, dweights) < 1e-5);
    }
  }
}

TEST_CASE("sum_of_rows in bf16: sums in f32, rounded once") {
  if (!backend().computes_in(DataType::bf16)) return;
  const Tensor at =
      Tensor::from(backend(), {tokens, k}, std::span<const int32_t>(some_places(k, 5)));
  const int64_t count = tokens * k - 5;
  const Tensor rows = cast(tensor(random_matrix(count, 16, "rows")), DataType::bf16),
               dy = cast(tensor(random_matrix(tokens, 16, "dy")), DataType::bf16),
               weights = tensor(random_matrix(tokens, k, "weights"));
  const Tensor y = sum_of_rows(rows, at, weights);
  const Tensor in_f32 = sum_of_rows(cast(rows, DataType::f32), at, weights);
  CHECK(y.type() == DataType::bf16);
  CHECK(relative_error(cast(y, DataType::f32), in_f32) < 4e-3);
  const auto [drows, dweights] = sum_of_rows_backward(dy, rows, at, weights);
  const auto expected =
      sum_of_rows_backward(cast(dy, DataType::f32), cast(rows, DataType::f32), at, weights);
  CHECK(relative_error(cast(drows, DataType::f32), expected.drows) < 4e-3);
  CHECK(relative_error(dweights, expected.dweights) < 1e-5);
}

TEST_CASE("routing without tokens") {
  const Routing routing = route(Tensor(backend(), {0, experts}), {}, k, RouterWeights::of_all);
  CHECK(routing.chosen.shape() == Shape{0, k});
  const Tensor dlogits = route_backward(routing, Tensor(backend(), {0, k}), {});
  CHECK(dlogits.shape() == Shape{0, experts});
  const Tensor rows(backend(), {0, width});
  CHECK(sum_of_rows(rows, routing.chosen, routing.weights).shape() == Shape{0, width});
  CHECK(sum_of_rows_backward(rows, rows, routing.chosen, routing.weights).drows.shape() ==
        Shape{0, width});
}

TEST_CASE("routing: bad arguments") {
  const Tensor logits = tensor(random_matrix(2, 3, "logits"));
  CHECK(contains(message_of([&] { route(logits, {}, 4, RouterWeights::of_all); }),
                 "4 of 3 experts cannot be chosen"));
  CHECK(contains(message_of([&] { route(logits, {}, 0, RouterWeights::of_all); }), "0 of 3"));
  CHECK(contains(
      message_of([&] {
        route(logits, tensor(Shape{2}, std::vector<float>{1, 2}), 1, RouterWeights::of_all);
      }),
      "needs 3 elements"));
  const Routing routing = route(logits, {}, 2, RouterWeights::of_all);
  CHECK(contains(message_of([&] { route_backward(routing, logits, {}); }), "differ"));
  CHECK(contains(message_of([&] { sum_of_rows(logits, routing.weights, {}); }), "must be i32"));
  CHECK(contains(message_of([&] { sum_of_rows(logits, routing.chosen, logits); }), "differ"));
  CHECK(contains(message_of([&] { sum_of_rows_backward(logits, logits, routing.chosen, {}); }),
                 "needs weights"));
}
