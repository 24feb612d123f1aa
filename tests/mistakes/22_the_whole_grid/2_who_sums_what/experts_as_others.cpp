// expect: your gradient of an expert's matrix is summed over ep, whose ranks have other elements
#include "exercises/22_the_whole_grid/2_who_sums_what.h"

namespace shard {

std::vector<std::string> summed_over(const ParameterFacts& parameter, bool sequence_parallel) {
  std::vector<std::string> axes{"cp", "dp"};
  if (parameter.is_tied_table) axes.emplace_back("pp");
  if (sequence_parallel && parameter.is_between_sums) axes.emplace_back("tp");
  return axes;
}

}  // namespace shard
