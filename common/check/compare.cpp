#include "common/check/compare.h"

#include <algorithm>
#include <bit>

#include "common/base/counted.h"
#include "common/check/reference.h"

namespace shard {

/// Throws Error unless both lists hold the same parameters in the same order.
static void require_same_parameters(const Parameters& split, const Parameters& unsplit) {
  require(split.size() == unsplit.size(),
          "comparing gradients: ", counted(split.size(), "parameter"), " against ", unsplit.size());
  for (size_t i = 0; i < split.size(); ++i) {
    require(split[i]->name == unsplit[i]->name, "comparing gradients: ", split[i]->name,
            " against ", unsplit[i]->name);
  }
}

bool same_bits(const Tensor& x, const Tensor& y) {
  return std::ranges::equal(x.to_host(), y.to_host(), [](float a, float b) {
    return a == a && std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
  });
}

double gradient_error(const Parameter& split, const Parameter& unsplit) {
  const std::vector<float> expected =
      split.shard.cut(unsplit.without_padding(unsplit.gradient).to_host());
  return reference::relative_error(split.gradient.to_host(),
                                   std::vector<double>(expected.begin(), expected.end()));
}

double largest_gradient_error(const Parameters& split, const Parameters& unsplit) {
  require_same_parameters(split, unsplit);
  double largest = 0;
  for (size_t i = 0; i < split.size(); ++i)
    largest = reference::larger(largest, gradient_error(*split[i], *unsplit[i]));
  return largest;
}

void check_gradients(Report& report, const Parameters& split, const Parameters& unsplit,
                     double tolerance) {
  require_same_parameters(split, unsplit);
  for (size_t i = 0; i < split.size(); ++i)
    report.check("d " + split[i]->name, gradient_error(*split[i], *unsplit[i]), tolerance);
}

void check_split(Report& report, const std::string& whole, const Computed& split,
                 const Computed& unsplit, double tolerance) {
  const auto check = [&](const char* name, const Tensor& got, const Tensor& expected) {
    require(bool(got) == bool(expected), "check_split: only one of the two layers has ", name);
    if (got)
      report.check(text(name, " against ", whole), reference::relative_error(got, expected),
                   tolerance);
  };
  check("Y", split.y, unsplit.y);
  check("dX", split.dx, unsplit.dx);
  check_gradients(report, split.parameters, unsplit.parameters, tolerance);
}

}  // namespace shard
