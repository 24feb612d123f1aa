#include "common/check/compare.h"

#include "common/check/reference.h"

namespace shard {

double gradient_error(const Parameter& split, const Parameter& unsplit) {
  const std::vector<float> expected = split.shard.cut(unsplit.gradient.to_host());
  return reference::relative_error(split.gradient.to_host(),
                                   std::vector<double>(expected.begin(), expected.end()));
}

void check_gradients(Report& report, const Parameters& split, const Parameters& unsplit,
                     double tolerance) {
  require(split.size() == unsplit.size(), "check_gradients: ", split.size(), " parameters against ",
          unsplit.size());
  for (size_t i = 0; i < split.size(); ++i) {
    require(split[i]->name == unsplit[i]->name, "check_gradients: ", split[i]->name, " against ",
            unsplit[i]->name);
    report.check("d " + split[i]->name, gradient_error(*split[i], *unsplit[i]), tolerance);
  }
}

}  // namespace shard
