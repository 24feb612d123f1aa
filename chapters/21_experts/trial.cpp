#include "chapters/21_experts/trial.h"

#include "chapters/21_experts/expert_gpt.h"
#include "common/check/reference.h"
#include "common/comm/partial_gradients.h"

namespace shard::chapter_21 {

std::vector<Layout> layouts_of(int ranks) {
  std::vector<Layout> all;
  for (int tp = 1; tp <= ranks; ++tp) {
    for (int ep = 1; ranks % tp == 0 && ep <= ranks / tp; ++ep)
      if (ranks / tp % ep == 0) all.push_back({tp, ep});
  }
  return all;
}

std::string to_string(const Layout& layout, int ranks) {
  return text(layout.tp, " × ", layout.ep, " × ", ranks / layout.tp / layout.ep);
}

Range tokens_of(int64_t tokens, int ranks, int rank) {
  const int64_t parts = int64_t{ranks} * (ranks + 1);
  return {tokens * rank * (rank + 1) / parts, tokens * (rank + 1) * (rank + 2) / parts};
}

ExpertSettings settings_of(const Sizes& sizes, RouterWeights by) {
  return {.router = {.experts = sizes.experts, .chosen = sizes.chosen, .by = by}};
}

static Grid& folded(Grid& grid, int ep) {
  fold_experts(grid, ep);
  return grid;
}

static constexpr float projection = 0.3f;

Trial::Trial(Runtime& runtime, const Sizes& s, Layout the_layout, const ExpertSettings& settings,
             int64_t empty)
    : sizes(s),
      layout(the_layout),
      grid(runtime.world(), {{"tp", layout.tp}, {"dp", runtime.world().size() / layout.tp}}),
      alone(runtime.alone()),
      layer(expert_groups(folded(grid, layout.ep)), "h.0.mlp", s.width, s.hidden, settings,
            {.seed = runtime.options().seed, .weight = 0.3f, .vector = 0.5f}, projection),
      unsplit({*alone, *alone, *alone}, "h.0.mlp", s.width, s.hidden, settings,
              {.seed = runtime.options().seed, .weight = 0.3f, .vector = 0.5f}, projection),
      own(tokens_of(s.tokens, grid.dp().size(), grid.dp().rank())) {
  const auto random = [&](const char* name) {
    return to_tensor(runtime.backend(),
                     reference::random_matrix(s.tokens, s.width,
                                              {runtime.options().seed, stream_of(name)}));
  };
  all_x = random("x"), all_dy = random("dy");
  x = all_x.slice(own).clone(), dy = all_dy.slice(own).clone();
  if (empty < 0) return;
  std::vector<float> bias(static_cast<size_t>(s.experts), 0.0f);
  bias[static_cast<size_t>(empty)] = -9;  // no probability makes up for that
  for (ExpertMlp* each : {&layer, &unsplit}) each->router.bias.assign(std::span<const float>(bias));
}

void Trial::sum_gradients() { PartialGradients(grid, layer.parameters()).sum(); }

Pass::Pass(Runtime& runtime, ExpertMlp& layer, const Tensor& x, const Tensor& dy) {
  zero_gradients(layer.parameters());
  const Ledger start = runtime.ledger();
  y = layer.forward(x, kept);
  dx = layer.backward(dy, kept);
  ledger = runtime.ledger().since(start);
}

}  // namespace shard::chapter_21
