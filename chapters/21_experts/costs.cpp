#include "chapters/21_experts/costs.h"

namespace shard {

int64_t kept_beside_experts(const ExpertWork& work) {
  // probabilities; of each choice its expert, its weight and its place
  const int64_t of_router = work.tokens * (work.experts + 3 * work.chosen);
  // their order, both ways, and the rows themselves
  const int64_t of_rows = work.arrived * (2 + work.width);
  return 4 * (of_router + of_rows + work.sent() * work.width);
}

Calls exchanges_of(const ExpertWork& work, int64_t forwards) {
  const int64_t passes = forwards + 1;  // of two exchanges each
  return {.op = Collective::all_to_all,
          .calls = 2 * passes,
          .bytes = passes * 4 * (work.sent() + work.arrived) * work.width};
}

Calls gathers_of_counts(const ExpertWork& work, int64_t forwards) {
  return {.op = Collective::all_gather, .calls = forwards, .bytes = forwards * 4 * work.experts};
}

std::vector<Calls> sums_over_tp(const ExpertWork& work, int64_t forwards) {
  const int64_t sums = forwards + 1;  // of results, and of their inputs' gradient
  return {
      {.op = Collective::all_reduce, .calls = sums, .bytes = sums * 4 * work.tokens * work.width},
      {.op = Collective::all_reduce, .calls = 1, .bytes = 4 * work.sent()}};  // of weights
}

}  // namespace shard
