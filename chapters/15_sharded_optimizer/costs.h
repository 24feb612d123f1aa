// What a rank holds of the training's state, and what a bucket gives to the collectives of a step:
// formulas, which the program compares with what is held and communicated.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "common/check/calls.h"

namespace shard {

/// Bytes of a parameter's state, or of all on a rank.
struct StateBytes {
  int64_t weights = 0, gradients = 0;
  int64_t optimizer = 0;  // moments, and the unrounded weights where layers compute with others
  int64_t total() const { return weights + gradients + optimizer; }
};

/// Of each parameter. Rajbhandari et al., arXiv:1910.02054, section 3.1, with sums in f32.
StateBytes state_of_parameter(Precision precision);

/// What d ranks share out with ZeRO's stage 0 to 3: the optimizer's from 1 on, gradients from 2 on,
/// weights from 3 on.
struct SharedState {
  StateBytes everywhere, shared_out;
};
SharedState shared_state(const StateBytes& each, int64_t zero);
/// On a rank between two steps, of so many parameters, which `ranks` divides.
StateBytes state_on_rank(const StateBytes& each, int64_t zero, int64_t parameters, int64_t ranks);

/// Of a bucket of so many parameters, padding included, in one step that reduces so many times.
Calls scatters_of_bucket(int64_t padded, int64_t reductions);
/// `weight`: bytes of each.
Calls gather_of_bucket(int64_t padded, int64_t ranks, int64_t weight);

}  // namespace shard
