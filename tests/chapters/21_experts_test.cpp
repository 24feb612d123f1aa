// ExpertMlp: a mixture of experts over tp × ep × edp equals the unsplit layer, with unequal numbers
// of tokens, ranks without tokens and experts without any; a GPT of such blocks equals the unsplit
// one.
#include "chapters/21_experts/expert_gpt.h"
#include "chapters/21_experts/mixture_reference.h"
#include "common/base/counted.h"
#include "common/comm/partial_gradients.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using reference::relative_error;

namespace {

constexpr int64_t width = 11, hidden = 10, k = 2;
constexpr float projection = 0.2f;

ExpertSettings settings_of(int64_t experts, RouterWeights by = RouterWeights::of_chosen) {
  return {.router = {.experts = experts, .chosen = k, .by = by}};
}

/// tp × (ep × edp) on all ranks.
struct Layout {
  int tp, ep;
};
std::vector<Layout> layouts() {
  std::vector<Layout> all;
  const int ranks = world().size();
  for (int tp = 1; tp <= ranks; ++tp) {
    for (int ep = 1; ranks % tp == 0 && ep <= ranks / tp; ++ep)
      if (ranks / tp % ep == 0) all.push_back({tp, ep});
  }
  return all;
}

struct Ranks {
  Grid grid;
  explicit Ranks(Layout layout)
      : grid(world(), {{"tp", layout.tp}, {"dp", world().size() / layout.tp}}) {
    fold_experts(grid, layout.ep);
  }
  /// Tokens of data rank `rank`: unequal, and none of rank 1.
  static int64_t tokens_of(int rank) { return rank == 1 ? 0 : 7 + 3 * rank; }
  Range rows() {
    int64_t begin = 0;
    for (int rank = 0; rank < grid.dp().rank(); ++rank) begin += tokens_of(rank);
    return {begin, begin + tokens_of(grid.dp().rank())};
  }
  int64_t all_rows() {
    int64_t all = 0;
    for (int rank = 0; rank < grid.dp().size(); ++rank) all += tokens_of(rank);
    return all;
  }
  std::unique_ptr<ExpertMlp> layer(const ExpertSettings& settings) {
    return std::make_unique<ExpertMlp>(expert_groups(grid), "h.0.mlp", width, hidden, settings,
                                       block_init, projection);
  }
  void sum(ExpertMlp& layer) { PartialGradients(grid, layer.parameters()).sum(); }
};

std::unique_ptr<ExpertMlp> unsplit_layer(const ExpertSettings& settings) {
  return std::make_unique<ExpertMlp>(ExpertGroups{alone(), alone(), alone()}, "h.0.mlp", width,
                                     hidden, settings, block_init, projection);
}

/// Expert 3 is never chosen.
void leave_one_out(ExpertMlp& layer) {
  std::vector<float> bias(static_cast<size_t>(layer.router.settings().experts), 0.0f);
  bias[3] = -9;
  layer.router.bias.assign(std::span<const float>(bias));
}

Matrix matrix_of_rows(const Matrix& all, Range rows) {
  Matrix part(rows.size(), all.columns);
  std::copy_n(all.values.begin() + rows.begin * all.columns, part.values.size(),
              part.values.begin());
  return part;
}

/// The errors of Y, dX and all gradients against the unsplit layer, for this layout.
void check_layout(Layout layout, const ExpertSettings& settings) {
  INFO("tp ", layout.tp, ", ep ", layout.ep, ", experts ", settings.router.experts, ", capacity ",
       settings.capacity);
  Ranks ranks(layout);
  const Matrix x = random_matrix(ranks.all_rows(), width, "x"),
               dy = random_matrix(ranks.all_rows(), width, "dy");
  const auto layer = ranks.layer(settings), unsplit = unsplit_layer(settings);
  leave_one_out(*layer);
  leave_one_out(*unsplit);
  ExpertMlp::Kept kept, kept_unsplit;
  const Tensor y = layer->forward(tensor(matrix_of_rows(x, ranks.rows())), kept);
  const Tensor y_unsplit = unsplit->forward(tensor(x), kept_unsplit);
  CHECK(relative_error(y, y_unsplit.slice(ranks.rows())) < tolerance);
  const Tensor dx = layer->backward(tensor(matrix_of_rows(dy, ranks.rows())), kept);
  const Tensor dx_unsplit = unsplit->backward(tensor(dy), kept_unsplit);
  CHECK(relative_error(dx, dx_unsplit.slice(ranks.rows())) < tolerance);
  ranks.sum(*layer);
  check_gradients(layer->parameters(), unsplit->parameters());
  CHECK(layer->router.assigned() == unsplit->router.assigned());
  CHECK(layer->router.assigned()[3] == 0);
}

}  // namespace

TEST_CASE("expert mlp: every layout equals the unsplit layer, unequal tokens, an empty expert") {
  for (const Layout layout : layouts()) {
    for (const int64_t experts : {6, 5}) {
      check_layout(layout, settings_of(experts));
      check_layout(layout, settings_of(experts, RouterWeights::of_all));
    }
  }
}

TEST_CASE("expert mlp: with a capacity too: tokens are dropped in the order of the whole batch") {
  ExpertSettings settings = settings_of(6);
  settings.capacity = 0.8;
  for (const Layout layout : layouts()) check_layout(layout, settings);
}

TEST_CASE("expert mlp: with the balance loss too") {
  ExpertSettings settings = settings_of(6);
  settings.router.balance = 0.3f;
  for (const Layout layout : layouts()) check_layout(layout, settings);
}

TEST_CASE("expert mlp: against double precision and finite differences, balance loss included") {
  constexpr int64_t rows = 19;
  for (const RouterWeights by : {RouterWeights::of_all, RouterWeights::of_chosen}) {
    for (const double capacity : {0.0, 0.9}) {
      INFO("capacity ", capacity);
      ExpertSettings settings = settings_of(6, by);
      settings.capacity = capacity, settings.router.balance = 0.7f;
      const auto layer = unsplit_layer(settings);
      const Matrix x = random_matrix(rows, width, "x"), dy = random_matrix(rows, width, "dy");
      ExpertMlp::Kept kept;
      const Tensor y = layer->forward(tensor(x), kept);
      const Tensor dx = layer->backward(tensor(dy), kept);
      const MixtureReference mixture{settings, hidden};
      const std::vector<Matrix> values = values_of(layer->parameters());
      CHECK(relative_error(y, mixture.forward(x, values)) < tolerance);
      CHECK(relative_error(layer->router.balance_loss(kept.router),
                           mixture.balance_loss(x, values[0])) < tolerance);
      const auto loss = [&](const Matrix& at, const std::vector<Matrix>& parameters) {
        return dot(mixture.forward(at, parameters), dy) + mixture.balance_loss(at, parameters[0]);
      };
      const auto of_x = [&](const Matrix& point) { return loss(point, values); };
      CHECK(reference::finite_difference_error(of_x, x, dx.to_host(), {1, 2}) <
            difference_tolerance);
      const Parameters parameters = layer->parameters();
      for (size_t i = 0; i < parameters.size(); ++i) {
        INFO("gradient of ", parameters[i]->name);
        const auto of_parameter = [&](const Matrix& point) {
          std::vector<Matrix> changed = values;
          changed[i] = point;
          return loss(x, changed);
        };
        CHECK(reference::finite_difference_error(of_parameter, values[i],
                                                 parameters[i]->gradient.to_host(),
                                                 {1, 2}) < difference_tolerance);
      }
    }
  }
}

TEST_CASE("expert mlp: the balance loss of every layout is that of all tokens together") {
  ExpertSettings settings = settings_of(6);
  settings.router.balance = 0.7f;
  for (const Layout layout : layouts()) {
    Ranks ranks(layout);
    const Matrix x = random_matrix(ranks.all_rows(), width, "x");
    const auto layer = ranks.layer(settings), unsplit = unsplit_layer(settings);
    ExpertMlp::Kept kept;
    layer->forward(tensor(matrix_of_rows(x, ranks.rows())), kept);
    const MixtureReference mixture{settings, hidden};
    CHECK(relative_error(layer->router.balance_loss(kept.router),
                         mixture.balance_loss(x, Matrix(unsplit->router.weight.value))) <
          tolerance);
  }
}

TEST_CASE("expert mlp: no tokens at all") {
  for (const Layout layout : layouts()) {
    Ranks ranks(layout);
    ExpertSettings settings = settings_of(6);
    settings.router.balance = 0.5f;
    const auto layer = ranks.layer(settings);
    ExpertMlp::Kept kept;
    CHECK(layer->forward(Tensor(backend(), {0, width}), kept).shape() == Shape{0, width});
    CHECK(layer->backward(Tensor(backend(), {0, width}), kept).shape() == Shape{0, width});
    CHECK(layer->router.balance_loss(kept.router) == 0);
    for (const Parameter* parameter : layer->parameters())
      for (float value : parameter->gradient.to_host()) CHECK(value == 0.0f);
  }
}

TEST_CASE("expert mlp: its collectives: 4 all_to_alls of k · tokens · width, and counts") {
  for (const Layout layout : layouts()) {
    INFO("tp ", layout.tp, ", ep ", layout.ep);
    Ranks ranks(layout);
    const auto layer = ranks.layer(settings_of(6));
    const Matrix x = random_matrix(ranks.all_rows(), width, "x");
    const int64_t row = width * 4, tokens = ranks.rows().size();
    const Ledger start = ledger();
    ExpertMlp::Kept kept;
    const Tensor y = layer->forward(tensor(matrix_of_rows(x, ranks.rows())), kept);
    layer->backward(y, kept);
    const Ledger since = ledger().since(start);
    int64_t came = 0, exchanged = 0;
    for (int64_t rows : kept.rows_from) came += rows;
    for (const LedgerRow& entry : since.rows())
      if (entry.op == Collective::all_to_all) exchanged += entry.bytes;
    CHECK(since.calls(Collective::all_to_all, "ep") == 4);
    CHECK(exchanged == 2 * (k * tokens + came) * row);
    CHECK(since.calls(Collective::all_gather) == 1);
    CHECK(since.calls(Collective::all_reduce, "tp") == 3);
    CHECK(since.calls() == 8);
    // Of all data-parallel ranks together, what is given is 4·k·T·h.
    const double all = ranks.grid.dp().sum_of(static_cast<double>(exchanged));
    CHECK(all == static_cast<double>(4 * k * ranks.all_rows() * row));
  }
}

namespace {

/// Rank `last`'s output, before and after the tokens of data rank 0 have changed.
double change_by_others(Ranks& ranks, const ExpertSettings& settings) {
  const auto layer = ranks.layer(settings);
  Matrix x = random_matrix(ranks.all_rows(), width, "x");
  const auto output = [&] {
    ExpertMlp::Kept kept;
    return layer->forward(tensor(matrix_of_rows(x, ranks.rows())), kept);
  };
  const Tensor before = output();
  const Matrix other = random_matrix(ranks.tokens_of(0), width, "other tokens");
  std::copy(other.values.begin(), other.values.end(), x.values.begin());
  const Tensor after = output();
  const bool is_other = ranks.grid.dp().rank() > 0 && before.rows() > 0;
  return world().max_of(is_other ? relative_error(after, before) : 0);
}

}  // namespace

TEST_CASE("expert mlp: a token's result does not depend on others, unless there is a capacity") {
  if (world().size() < 3) return;  // rank 1 has no tokens
  Ranks ranks({1, world().size()});
  ExpertSettings settings = settings_of(6);
  CHECK(change_by_others(ranks, settings) < 1e-6);
  settings.capacity = 0.7;
  CHECK(change_by_others(ranks, settings) > 0.01);
}

TEST_CASE("expert mlp: two passes at once, weights that come and go") {
  Ranks ranks({1, world().size()});
  const int64_t rows = 9 + 2 * world().rank();
  check_passes<ExpertMlp>({
      .make = [&] { return ranks.layer(settings_of(6)); },
      .forward =
          [&](const auto& layer, int pass, auto& kept) {
            return layer.forward(
                tensor(random_matrix(rows, width, text("x", pass, world().rank()))), kept);
          },
      .backward =
          [&](auto& layer, int pass, auto& kept) {
            return layer.backward(
                tensor(random_matrix(rows, width, text("dy", pass, world().rank()))), kept);
          },
  });
}

TEST_CASE("expert mlp: one renormalised choice teaches the router nothing") {
  for (const RouterWeights by : {RouterWeights::of_chosen, RouterWeights::of_all}) {
    Ranks ranks({1, world().size()});
    ExpertSettings settings = settings_of(6, by);
    settings.router.chosen = 1;
    const auto layer = ranks.layer(settings);
    ExpertMlp::Kept kept;
    const Tensor y = layer->forward(tensor(random_matrix(8, width, "x")), kept);
    layer->backward(y, kept);
    double largest = 0;
    for (float value : layer->router.weight.gradient.to_host())
      largest = std::max(largest, std::abs(static_cast<double>(value)));
    CHECK((largest == 0) == (by == RouterWeights::of_chosen));
  }
}

TEST_CASE("router: the bias moves towards experts with fewer tokens, alike on all ranks") {
  Ranks ranks({1, world().size()});
  const auto layer = ranks.layer(settings_of(6)), unsplit = unsplit_layer(settings_of(6));
  const Matrix x = random_matrix(ranks.all_rows(), width, "x");
  ExpertMlp::Kept kept, kept_unsplit;
  layer->backward(layer->forward(tensor(matrix_of_rows(x, ranks.rows())), kept), kept);
  unsplit->backward(unsplit->forward(tensor(x), kept_unsplit), kept_unsplit);
  const std::vector<int64_t> counts = layer->router.assigned();
  layer->router.balance_bias(0.125f);
  unsplit->router.balance_bias(0.125f);
  const std::vector<float> bias = layer->router.bias.to_host();
  CHECK(bias == unsplit->router.bias.to_host());
  const int64_t all = k * ranks.all_rows();
  for (size_t i = 0; i < 6; ++i) {
    const int64_t count = 6 * counts[i];
    CHECK(bias[i] == (count < all ? 0.125f : count > all ? -0.125f : 0.0f));
    CHECK(layer->router.assigned()[i] == 0);
  }
}

TEST_CASE("experts: what cannot be is refused in a sentence with its numbers") {
  Grid grid(world(), {{"tp", 1}, {"dp", world().size()}});
  const int e = world().size() + 1;
  CHECK(message_of<UsageError>([&] { fold_experts(grid, e); }) ==
        text("--ep ", e, " does not divide the ", counted(world().size(), "rank"), " of cp-dp"));
  CHECK(contains(message_of<UsageError>([&] { fold_experts(grid, 0); }), "--ep 0"));
}

TEST_CASE("calls of the exchange say what they are for") {
  const Call call{.op = Collective::all_to_all,
                  .count = 66,
                  .number = 3,
                  .label = Label("tokens to their experts")};
  CHECK(waiting_in(call, "ep") ==
        "is waiting in all_to_all of 66 f32 (#3, tokens to their experts) on ep");
}

// ---- The plan, in whole numbers -----------------------------------------------------------------

namespace {

/// All ranks' plans for random choices, carried out: every choice must reach its expert, and its
/// result come back to its place.
void check_plans(int ranks, int e, int64_t experts, int64_t choices, double factor) {
  INFO(ranks, " ranks, e ", e, ", ", experts, " experts, capacity ", factor);
  std::vector<std::vector<int32_t>> chosen(static_cast<size_t>(ranks));
  std::vector<int32_t> counts;
  int64_t total = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<int32_t> mine(static_cast<size_t>(experts), 0);
    const RandomStream random{5, stream_of(text(ranks, e, rank))};
    const int64_t tokens = rank == 1 ? 0 : 5 + 2 * rank;
    for (int64_t i = 0; i < tokens * choices; ++i) {
      // a token's choices differ; expert 2 is chosen rarely
      const auto first = static_cast<int32_t>(random.below(experts, i / choices));
      const auto expert = static_cast<int32_t>((first + i % choices) % experts);
      chosen[rank].push_back(expert);
      ++mine[expert], ++total;
    }
    counts.insert(counts.end(), mine.begin(), mine.end());
  }
  const ExpertCounts all(experts, counts);
  CHECK(all.total() == total);
  const int64_t capacity = expert_capacity(factor, total, experts);
  std::vector<DispatchPlan> plans;
  for (int rank = 0; rank < ranks; ++rank)
    plans.emplace_back(chosen[rank], choices, all, capacity, ExpertPlace{rank, e});
  std::vector<int64_t> taken(static_cast<size_t>(experts), 0);
  for (int rank = 0; rank < ranks; ++rank) {
    const DispatchPlan& plan = plans[rank];
    const ExpertPlace place{rank, e};
    const int first = rank - place.ep_rank();
    // what arrives: (sender, row that it sent), in the senders' order
    std::vector<std::pair<int, int64_t>> arrived;
    for (int peer = 0; peer < e; ++peer) {
      const DispatchPlan& theirs = plans[first + peer];
      int64_t begin = 0;
      for (int i = 0; i < place.ep_rank(); ++i) begin += theirs.rows_to[i];
      CHECK(theirs.rows_to[place.ep_rank()] == plan.rows_from[peer]);
      for (int64_t i = 0; i < theirs.rows_to[place.ep_rank()]; ++i)
        arrived.emplace_back(first + peer, begin + i);
    }
    REQUIRE(arrived.size() == plan.sorted.size());
    size_t next = 0;
    const Range own = place.experts_of(place.ep_rank(), experts);
    REQUIRE(std::ssize(plan.rows_of) == own.size());
    for (int64_t expert = own.begin; expert < own.end; ++expert) {
      for (int64_t i = 0; i < plan.rows_of[expert - own.begin]; ++i, ++next) {
        const auto [sender, row] = arrived[plan.sorted[next]];
        CHECK(plan.unsorted[plan.sorted[next]] == static_cast<int32_t>(next));
        const auto& places = plans[sender].places;
        const auto choice = std::ranges::find(places, static_cast<int32_t>(row)) - places.begin();
        CHECK(chosen[sender][choice] == expert);
        CHECK(plans[sender].tokens[row] == static_cast<int32_t>(choice / choices));
      }
      taken[expert] += plan.rows_of[expert - own.begin];
    }
  }
  for (int64_t expert = 0; expert < experts; ++expert)
    CHECK(taken[expert] == std::min(all.of_expert(expert), capacity));
}

}  // namespace

TEST_CASE("dispatch plans: every choice reaches its expert and comes back, for many layouts") {
  for (int ranks : {1, 2, 3, 4, 6, 8}) {
    for (int e = 1; e <= ranks; ++e) {
      if (ranks % e != 0) continue;
      for (int64_t experts : {3, 6, 7})
        for (double factor : {0.0, 1.0, 0.6}) check_plans(ranks, e, experts, 2, factor);
    }
  }
}

TEST_CASE("expert_capacity: rounds up") {
  CHECK(expert_capacity(1.0, 48, 6) == 8);
  CHECK(expert_capacity(1.25, 48, 6) == 10);
  CHECK(expert_capacity(1.0, 49, 6) == 9);
  CHECK(expert_capacity(0, 49, 6) > 1000000);
}

// ---- A GPT --------------------------------------------------------------------------------------

namespace {

constexpr GptSizes sizes{.vocabulary = 13, .context = 6, .width = 24, .heads = 12, .layers = 2};

Batch batch_of(Range range) {
  const auto ids = [&](const char* name) {
    std::vector<int32_t> values;
    for (int64_t i = range.begin * sizes.context; i < range.end * sizes.context; ++i)
      values.push_back(static_cast<int32_t>(
          RandomStream{3, stream_of(name)}.below(13, static_cast<uint64_t>(i))));
    return indices(values);
  };
  return {ids("tokens"), ids("targets"), range.size()};
}

TrainingSettings training() {
  TrainingSettings settings;
  settings.batch = 9, settings.accumulate = 2, settings.dropout = 0.1, settings.seed = 4;
  settings.warmup = 0, settings.steps = 3, settings.clip = 0.7;
  return settings;
}

ExpertSettings settings_of_gpt() {
  ExpertSettings settings = settings_of(5);
  settings.router.balance = 0;  // micro-batches of another layout have other counts
  return settings;
}

}  // namespace

TEST_CASE("expert gpt in the trainer: gradients, norms and losses of the unsplit model") {
  Grid single(alone(), {{"tp", 1}, {"dp", 1}});
  fold_experts(single, 1);
  for (const Layout layout : layouts()) {
    INFO("tp ", layout.tp, ", ep ", layout.ep);
    Ranks ranks(layout);
    ExpertGpt unsplit(single, sizes, settings_of_gpt(), block_init),
        model(ranks.grid, sizes, settings_of_gpt(), block_init);
    const TrainingSettings settings = training();
    Trainer expected_trainer(single.dp(), parts_of_expert_step(single, unsplit, settings, 0.01f),
                             settings);
    Trainer trainer(ranks.grid.dp(), parts_of_expert_step(ranks.grid, model, settings, 0.01f),
                    settings);
    for (int64_t step = 0; step < settings.steps; ++step) {
      const Trainer::Step got = trainer.step(step, batch_of),
                          expected = expected_trainer.step(step, batch_of);
      CHECK(got.loss == doctest::Approx(expected.loss).epsilon(1e-5));
      CHECK(got.gradient_norm == doctest::Approx(expected.gradient_norm).epsilon(1e-4));
      CHECK(largest_gradient_error(model.parameters(), unsplit.parameters()) < 1e-3);
    }
    // Every element of the state is written once, and all put together are the unsplit ones.
    const TrainingState state = trainer.optimizer().state(),
                        whole = expected_trainer.optimizer().state();
    for (size_t i = 0; i < state.weights.size(); ++i) {
      INFO(state.weights[i].name);
      CHECK(state.weights[i].name == whole.weights[i].name);
      if (!state.weights[i].name.ends_with("wte.weight"))  // which has padding
        // K's bias has no gradient but rounding, which AdamW makes as large as any
        CHECK(relative_error(whole_of(world(), state.weights[i]), whole.weights[i].part) < 1e-3);
    }
  }
}
