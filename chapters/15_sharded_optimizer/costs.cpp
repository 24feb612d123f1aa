#include "chapters/15_sharded_optimizer/costs.h"

namespace shard {

StateBytes state_of_parameter(Precision precision) {
  const bool rounded = precision == Precision::bf16;
  return {.weights = rounded ? 2 : 4, .gradients = 4, .optimizer = rounded ? 12 : 8};
}

SharedState shared_state(const StateBytes& each, int64_t zero) {
  SharedState state{.everywhere = each, .shared_out = {}};
  if (zero >= 1) std::swap(state.everywhere.optimizer, state.shared_out.optimizer);
  if (zero >= 2) std::swap(state.everywhere.gradients, state.shared_out.gradients);
  if (zero >= 3) std::swap(state.everywhere.weights, state.shared_out.weights);
  return state;
}

StateBytes state_on_rank(const StateBytes& each, int64_t zero, int64_t parameters, int64_t ranks) {
  const auto [everywhere, shared_out] = shared_state(each, zero);
  const auto bytes = [&](int64_t all, int64_t part) {
    return all * parameters + part * parameters / ranks;
  };
  return {.weights = bytes(everywhere.weights, shared_out.weights),
          .gradients = bytes(everywhere.gradients, shared_out.gradients),
          .optimizer = bytes(everywhere.optimizer, shared_out.optimizer)};
}

Calls scatters_of_bucket(int64_t padded, int64_t reductions) {
  return {.op = Collective::reduce_scatter, .calls = reductions, .bytes = reductions * 4 * padded};
}

Calls gather_of_bucket(int64_t padded, int64_t ranks, int64_t weight) {
  return {.op = Collective::all_gather, .calls = 1, .bytes = weight * padded / ranks};
}

}  // namespace shard
