// What the checks of this chapter's program share: the layer on a grid of ranks, the unsplit layer
// with the same numbers, and tokens that are cut unevenly.
#pragma once
#include "chapters/21_experts/expert_mlp.h"
#include "common/comm/grid.h"
#include "common/program/runtime.h"

namespace shard::chapter_21 {

struct Sizes {
  int64_t tokens = 40, width = 14, hidden = 20, experts = 6, chosen = 2;
};

/// tp × ep × edp ranks: e of the d data-parallel ranks share out the experts.
struct Layout {
  int tp = 1, ep = 1;
};
/// All of so many ranks.
std::vector<Layout> layouts_of(int ranks);
std::string to_string(const Layout& layout, int ranks);  // "1 × 2 × 2"

/// Tokens of data-parallel rank `rank` of `ranks`: each has more than the one before.
Range tokens_of(int64_t tokens, int ranks, int rank);

struct Trial {
  Sizes sizes;
  Layout layout;
  Grid grid;
  std::unique_ptr<Communicator> alone;
  ExpertMlp layer, unsplit;
  Range own;             // this rank's tokens
  Tensor all_x, all_dy;  // [tokens × width]: of all ranks
  Tensor x, dy;          // this rank's rows of them

  /// `empty`: an expert that no token chooses, or -1. Collective.
  Trial(Runtime& runtime, const Sizes& sizes, Layout layout, const ExpertSettings& settings,
        int64_t empty = -1);

  /// Sums what the gradients lack: over "dp" those of the router, over "edp" those of the experts.
  void sum_gradients();
};

/// One forward and one backward pass from zero gradients, and what it has communicated.
struct Pass {
  Tensor y, dx;
  ExpertMlp::Kept kept;
  Ledger ledger;
  Pass(Runtime& runtime, ExpertMlp& layer, const Tensor& x, const Tensor& dy);
};

/// Settings of a router with these sizes.
ExpertSettings settings_of(const Sizes& sizes, RouterWeights by = RouterWeights::of_chosen);

}  // namespace shard::chapter_21
