// The exponential of the loops of the CPU.
// CPU only.
#include "common/cpu/exp.h"

#include <limits>

#include "tests/test_support.h"

using namespace shard;

TEST_CASE("exp_of_negative: within one unit of the last place, down to the smallest numbers") {
  double worst = 0;
  const auto check = [&](float x) {
    const double expected = std::exp(double{x}), unit = std::ldexp(1.0, std::ilogb(expected) - 23);
    worst = std::max(worst, std::abs(exp_of_negative(x) - expected) / unit);
  };
  for (int i = 0; i < 87'000; ++i) check(static_cast<float>(-i) / 1000);
  for (float x = 1; x > 1e-30f; x *= 0.99f) check(-x);
  CHECK(worst < 1);
  CHECK(exp_of_negative(0.0f) == 1.0f);
}

TEST_CASE("exp_of_negative: 0 far below, and NaN stays") {
  for (const float x : {-88.0f, -1e4f, std::numeric_limits<float>::lowest(), -INFINITY})
    CHECK(exp_of_negative(x) == 0.0f);
  CHECK(std::isnan(exp_of_negative(NAN)));
}
