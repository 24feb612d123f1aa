#include "exercises/21_experts/2_home_weighted.h"

#include <algorithm>
#include <functional>

#include "tests/exercises/terms.h"

namespace shard {
namespace {

/// What y becomes: Σ over choices of weight(token, slot) · returned(place(token, slot)).
struct Case {
  int64_t tokens, k, width;
  std::vector<int32_t> place;  // [tokens × k]
  Matrix returned, weights, dy;

  Case(const Examiner& examiner, int64_t n, int64_t choices, int64_t w, int64_t dropped)
      : tokens(n),
        k(choices),
        width(w),
        place(static_cast<size_t>(n * choices)),
        returned(examiner.random(n * choices - dropped, w, text("returned", n))),
        weights(n, choices),
        dy(examiner.random(n, w, text("dy", n))) {
    const Matrix order = examiner.random(1, n * choices, text("order", n)),
                 raw = examiner.random(n, choices, text("weights", n), 0.4);
    for (size_t i = 0; i < raw.values.size(); ++i)
      weights.values[i] = 0.2 + std::abs(raw.values[i]);
    std::vector<size_t> sorted(place.size());
    for (size_t i = 0; i < sorted.size(); ++i) sorted[i] = i;
    std::ranges::sort(sorted, {}, [&](size_t i) { return order.values[i]; });
    for (size_t i = 0; i < sorted.size(); ++i)
      place[sorted[i]] = static_cast<int32_t>(i) - static_cast<int32_t>(dropped);
    for (int32_t& each : place) each = std::max(each, -1);
  }

  int32_t at(int64_t token, int64_t slot) const {
    return place[static_cast<size_t>(token * k + slot)];
  }
  /// Calls visit(token, slot, place) for each choice that was not dropped.
  void for_each(const std::function<void(int64_t, int64_t, int64_t)>& visit) const {
    for (int64_t token = 0; token < tokens; ++token)
      for (int64_t slot = 0; slot < k; ++slot)
        if (at(token, slot) >= 0) visit(token, slot, at(token, slot));
  }

  using Weight = std::function<double(int64_t token, int64_t slot)>;
  using Place = std::function<int64_t(int64_t token, int64_t slot, int64_t place)>;
  Matrix y(const Weight& weight, const Place& from) const {
    Matrix sums(tokens, width);
    for_each([&](int64_t token, int64_t slot, int64_t p) {
      for (int64_t i = 0; i < width; ++i)
        sums(token, i) += weight(token, slot) * returned(from(token, slot, p), i);
    });
    return sums;
  }
  Matrix dreturned(const Weight& weight, const Place& to) const {
    Matrix rows(returned.rows, width);
    for_each([&](int64_t token, int64_t slot, int64_t p) {
      for (int64_t i = 0; i < width; ++i)
        rows(to(token, slot, p), i) = weight(token, slot) * dy(token, i);
    });
    return rows;
  }
  Matrix dweights(const Weight& factor, const Place& from) const {
    Matrix products(tokens, k);
    for_each([&](int64_t token, int64_t slot, int64_t p) {
      for (int64_t i = 0; i < width; ++i)
        products(token, slot) +=
            factor(token, slot) * dy(token, i) * returned(from(token, slot, p), i);
    });
    return products;
  }

  double weight_of(int64_t token, int64_t slot) const { return weights(token, slot); }
  double sum_of_weights(int64_t token) const {
    double sum = 0;
    for (int64_t slot = 0; slot < k; ++slot) sum += weights(token, slot);
    return sum;
  }
  Tensor places(Backend& backend) const {
    return Tensor::from(backend, {tokens, k}, std::span<const int32_t>(place));
  }
};

int64_t its_place(int64_t, int64_t, int64_t place) { return place; }
double one(int64_t, int64_t) { return 1; }

void check(Examiner& examiner, const Case& c, const std::string& of) {
  const auto w = [&](int64_t token, int64_t slot) { return c.weight_of(token, slot); };
  const auto w_squared = [&](int64_t token, int64_t slot) {
    return c.weight_of(token, slot) * c.weight_of(token, slot);
  };
  const auto other_slot = [&](int64_t token, int64_t slot) {
    return c.weight_of(token, c.k - 1 - slot);
  };
  const auto in_order = [&](int64_t token, int64_t slot, int64_t) {  // as if nothing were permuted
    return std::min(token * c.k + slot, c.returned.rows - 1);
  };
  const Tensor returned = examiner.tensor(c.returned, "returned"),
               weights = examiner.tensor(c.weights, "weights"), dy = examiner.tensor(c.dy, "dy"),
               places = c.places(examiner.backend());
  const Tensor y = home_weighted(returned, places, weights);
  const Matrix right = c.y(w, its_place);
  const auto first_only = [&](int64_t token, int64_t slot) {
    return slot == 0 ? c.weight_of(token, 0) : 0;
  };
  const auto renormalised = [&](int64_t token, int64_t slot) {
    return c.weight_of(token, slot) / c.sum_of_weights(token);
  };
  Matrix dropped_as_row_0 = right, dropped_as_last = right;
  for (int64_t token = 0; token < c.tokens; ++token) {
    for (int64_t slot = 0; slot < c.k; ++slot) {
      for (int64_t i = 0; c.at(token, slot) < 0 && i < c.width; ++i) {
        dropped_as_row_0(token, i) += w(token, slot) * c.returned(0, i);
        dropped_as_last(token, i) += w(token, slot) * c.returned(c.returned.rows - 1, i);
      }
    }
  }
  examiner.expect(
      "y" + of, y, right,
      {Suspect::result("the sum without the weights", c.y(one, its_place)),
       Suspect::result("weighted twice: by the squares of the weights", c.y(w_squared, its_place)),
       Suspect::result("only the first choice's result: the token has k",
                       c.y(first_only, its_place)),
       Suspect::result("the mean over the k choices, where the weighted sum is asked for",
                       scaled(right, 1.0 / static_cast<double>(c.k))),
       Suspect::result("divided by the sum of the weights: the router has done that, or does not "
                       "want it",
                       c.y(renormalised, its_place)),
       Suspect::result("weighted with the weights of a token's choices exchanged",
                       c.y(other_slot, its_place)),
       Suspect::result("made of the rows in the order in which they have come: `places` says which "
                       "are a token's",
                       c.y(w, in_order)),
       Suspect::result("right, but dropped choices have added row 0", dropped_as_row_0),
       Suspect::result("right, but dropped choices have added the last row", dropped_as_last)});

  const HomeGradients got = home_weighted_backward(dy, returned, places, weights);
  const Matrix drows = c.dreturned(w, its_place);
  examiner.expect(
      "dreturned" + of, got.returned, drows,
      {Suspect::result("the tokens' gradients without the weights", c.dreturned(one, its_place)),
       Suspect::result("weighted twice: by the squares of the weights",
                       c.dreturned(w_squared, its_place)),
       Suspect::result("weighted with the weights of a token's choices exchanged",
                       c.dreturned(other_slot, its_place)),
       Suspect::result("in the order of the tokens' choices: the row of each is in `places`",
                       c.dreturned(w, in_order)),
       Suspect::result("0: nothing was written", scaled(drows, 0)),
       Suspect::result(
           "divided by k: every choice gets its token's whole gradient, times its weight",
           scaled(drows, 1.0 / static_cast<double>(c.k)))});
  const Matrix dots = c.dweights(one, its_place);
  Matrix with_row_0 = dots;
  for (int64_t token = 0; token < c.tokens; ++token) {
    for (int64_t slot = 0; slot < c.k; ++slot) {
      for (int64_t i = 0; c.at(token, slot) < 0 && i < c.width; ++i)
        with_row_0(token, slot) += c.dy(token, i) * c.returned(0, i);
    }
  }
  Matrix sums_of_dy(c.tokens, c.k), sums_of_rows(c.tokens, c.k);
  c.for_each([&](int64_t token, int64_t slot, int64_t place) {
    for (int64_t i = 0; i < c.width; ++i) {
      sums_of_dy(token, slot) += c.dy(token, i);
      sums_of_rows(token, slot) += c.returned(place, i);
    }
  });
  examiner.expect(
      "dweights" + of, got.weights, dots,
      {Suspect::result("0: the router would learn nothing", scaled(dots, 0)),
       Suspect::result("multiplied by the weights: a product's derivative for one factor has the "
                       "other factor only",
                       c.dweights(w, its_place)),
       Suspect::result("the sum of the token's gradient, without its product with the row",
                       sums_of_dy),
       Suspect::result("the sum of the row, without its product with the token's gradient",
                       sums_of_rows),
       Suspect::result("the mean over the columns of the products; it is their sum",
                       scaled(dots, 1.0 / static_cast<double>(c.width))),
       Suspect::result(
           "computed with the rows in the order in which they have come, not with those "
           "of `places`",
           c.dweights(one, in_order)),
       Suspect::result("right, but for dropped choices that with row 0: it is 0 for them",
                       with_row_0)});
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("5 tokens, 3 choices, 2 dropped", [&] {
    check(examiner, {examiner, 5, 3, 7, 2}, "");
  });
  if (!examiner.verdict()) return;
  examiner.attempt("4 tokens, 2 choices", [&] {
    check(examiner, {examiner, 4, 2, 3, 0}, " (all sent)");
  });
  examiner.attempt("3 tokens, 1 choice", [&] {
    check(examiner, {examiner, 3, 1, 5, 1}, " (k = 1)");
  });
}

}  // namespace shard
