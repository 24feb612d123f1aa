// What the tests of all parallel blocks check: a block split over all ranks, the same block
// unsplit, and the same formula in double precision must agree, forward and backward, on every
// rank.
#pragma once
#include "common/check/compare.h"
#include "tests/test_support.h"

namespace shard {

constexpr double tolerance = 1e-5;  // f32 against double or against another order of summation
// f32 gradients against central differences in double
constexpr double difference_tolerance = 1e-4;

/// Random weights, and biases and gains that are not zero, so that a missing or repeated one is
/// noticed.
constexpr Init block_init{.seed = 77, .weight = 0.3f, .vector = 0.5f};

/// The block's forward pass in double precision. Parameters in the order of the block's
/// parameters().
using Forward = std::function<Matrix(const Matrix& x, const std::vector<Matrix>& parameters)>;

/// X·A + b.
inline Matrix linear(const Matrix& x, const std::vector<Matrix>& parameters) {
  return reference::add_bias(reference::matmul(x, parameters[0]), parameters[1]);
}

/// This rank's part of `whole` rows or columns.
inline Range my_part(int64_t whole) { return part_of(whole, world().size(), world().rank()); }

inline std::vector<Matrix> values_of(const Parameters& parameters) {
  std::vector<Matrix> values;
  for (const Parameter* parameter : parameters) values.emplace_back(parameter->value);
  return values;
}

inline std::vector<Tensor> copied_gradients(const Parameters& parameters) {
  std::vector<Tensor> gradients;
  for (const Parameter* parameter : parameters) gradients.push_back(parameter->gradient.clone());
  return gradients;
}

/// The gradients of the split block are this rank's parts of the unsplit block's.
inline void check_gradients(const Parameters& split, const Parameters& unsplit) {
  REQUIRE(split.size() == unsplit.size());
  for (size_t i = 0; i < split.size(); ++i) {
    INFO("gradient of ", split[i]->name);
    CHECK(split[i]->name == unsplit[i]->name);
    CHECK(gradient_error(*split[i], *unsplit[i]) < tolerance);
  }
}

/// The unsplit block's gradients for loss = Σ Y ∘ dY are those of the formula in double precision.
inline void check_differences(const Forward& forward, const Matrix& x, const Matrix& dy,
                              const Tensor& dx, const Parameters& unsplit) {
  const RandomStream where{1, 2};
  const std::vector<Matrix> values = values_of(unsplit);
  const auto loss_of_x = [&](const Matrix& point) { return dot(forward(point, values), dy); };
  CHECK(reference::finite_difference_error(loss_of_x, x, dx.to_host(), where) <
        difference_tolerance);
  for (size_t i = 0; i < unsplit.size(); ++i) {
    INFO("gradient of ", unsplit[i]->name);
    const auto loss = [&](const Matrix& point) {
      std::vector<Matrix> changed = values;
      changed[i] = point;
      return dot(forward(x, changed), dy);
    };
    CHECK(reference::finite_difference_error(loss, values[i], unsplit[i]->gradient.to_host(),
                                             where) < difference_tolerance);
  }
}

/// Gradients add up over backward passes: those of two passes are the sum of each one's.
inline void check_accumulation(const Parameters& parameters, const std::function<void()>& first,
                               const std::function<void()>& second) {
  const auto gradients_after = [&](const std::function<void()>& passes) {
    zero_gradients(parameters);
    passes();
    return copied_gradients(parameters);
  };
  const std::vector<Tensor> one = gradients_after(first), other = gradients_after(second);
  const std::vector<Tensor> both = gradients_after([&] { first(), second(); });
  for (size_t i = 0; i < parameters.size(); ++i) {
    INFO("gradient of ", parameters[i]->name);
    CHECK(reference::relative_error(both[i], add(one[i], other[i])) < tolerance);
    CHECK(reference::relative_error(one[i], other[i]) >
          0.1);  // the passes differ, so overwriting would be noticed
  }
}

/// Bitwise equal on all ranks.
inline void check_replicated(const Tensor& x) {
  Tensor highest = x.clone(), lowest = x.clone();
  world().all_reduce_max(highest);
  scale(lowest, -1.0f);
  world().all_reduce_max(lowest);
  scale(lowest, -1.0f);
  CHECK(highest.to_host() == x.to_host());
  CHECK(lowest.to_host() == x.to_host());
}

inline void check_replicated_gradients(const Parameters& parameters) {
  for (const Parameter* parameter : parameters) {
    INFO("gradient of ", parameter->name);
    if (parameter->shard.whole.rank() == 1 && parameter->is_replicated())
      check_replicated(parameter->gradient);
  }
}

/// A half of a block whose sums over the ranks are taken by the caller: partial_forward(half, kept)
/// and the two steps of its backward pass give what `whole`, the same half with its own
/// collectives, has given: z, dX and gradients.
template <class Half, class PartialForward>
void check_partial_forms(Half& half, Half& whole, const Tensor& x, const Tensor& z,
                         const Tensor& dz, const Tensor& dx,
                         const PartialForward& partial_forward) {
  const Ledger before = ledger();
  typename Half::Kept kept;
  const PartialSum term = partial_forward(half, kept);
  CHECK(kept.first().x.memory() == x.memory());
  kept.first() = {};  // the caller may let go of X
  const auto [dx_term, dfirst] = half.partial_backward(dz, kept);
  half.first().add_weight_gradient(x, dfirst);
  add_column_sums(half.last().bias.gradient, dz);
  CHECK(ledger().since(before).calls() == 0);

  Tensor sum = world().all_reduce(term);
  add_bias(sum, half.last().bias.value);
  CHECK(reference::relative_error(sum, z) < tolerance);
  CHECK(reference::relative_error(world().all_reduce(dx_term), dx) < tolerance);
  const Parameters parameters = half.parameters(), expected = whole.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    INFO("gradient of ", parameters[i]->name);
    CHECK(reference::relative_error(parameters[i]->gradient, expected[i]->gradient) < tolerance);
  }
}

/// Each call is an all-reduce of `bytes`, on all ranks or on this one alone.
inline void check_all_reduces(const Ledger& since, int64_t calls, int64_t bytes) {
  CHECK(since.calls() == calls);
  CHECK(since.calls(Collective::all_reduce) == calls);
  CHECK(since.bytes() == calls * bytes);
}

}  // namespace shard
