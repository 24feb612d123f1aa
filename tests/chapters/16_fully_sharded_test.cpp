// Fully sharded weights: what is gathered, freed and summed when, in layers whose gradients are
// whole numbers, so that sums are exact.
#include <cmath>

#include "chapters/16_fully_sharded/events.h"
#include "tests/chapters/16_support.h"

using namespace shard;

namespace {

FullySharded over_all(Layers& layers, bool prefetch = true) {
  return {layers.grid, ShardingGroups(layers.grid.dp()), layers.units(), {.prefetch = prefetch}};
}

/// What happens to units on this rank while `run` runs: "gather root, forward root, …".
std::string events_of(const std::function<void()>& run) {
  std::string events;
  const std::vector<std::string> units{"root", "h.0", "h.1", "h.2"};
  for (const auto& [what, unit] : chapter_16::events_of(world(), units, run))
    events += (events.empty() ? "" : ", ") + what + " " + unit;
  return events;
}

int64_t padded(int64_t elements, int ranks) { return (elements + ranks - 1) / ranks * ranks; }

/// Bytes of the weights of the units `whole`, and of this rank's part of all.
int64_t weight_bytes(const Layers& layers, const std::vector<size_t>& whole, int ranks) {
  int64_t elements = 0;
  for (size_t unit = 0; unit < layers.parameters.size(); ++unit)
    elements += padded(layers.elements(unit), ranks) / ranks;
  for (size_t unit : whole) elements += padded(layers.elements(unit), ranks);
  return 4 * elements;
}

/// What a step of `micro_batches` communicates within dp.
void check_ledger(const Ledger& ledger, const Layers& layers, int ranks, int micro_batches) {
  int64_t gathers = 1, gathered = padded(layers.elements(0), ranks) / ranks;
  int64_t scatters = 1, scattered = padded(layers.elements(0), ranks);
  for (size_t unit = 1; unit < layers.parameters.size(); ++unit) {
    const int64_t size = padded(layers.elements(unit), ranks);
    const int64_t visits = unit + 1 == layers.parameters.size() ? 1 : 2;  // the last is kept
    gathers += micro_batches * visits;
    gathered += micro_batches * visits * size / ranks;
    scatters += micro_batches;
    scattered += micro_batches * size;
  }
  const auto units = static_cast<int64_t>(layers.parameters.size()) - 1;
  CHECK(gathers == micro_batches * (2 * units - 1) + 1);
  CHECK(ledger.calls(Collective::all_gather) == gathers);
  CHECK(ledger.calls(Collective::reduce_scatter) == scatters);
  CHECK(ledger.bytes() == 4 * (gathered + scattered));
}

}  // namespace

TEST_CASE("fully sharded: the order of gathers, passes, scatters and frees, without prefetch") {
  Layers layers(3);
  FullySharded sharded = over_all(layers, false);
  CHECK(events_of([&] { layers.step(sharded); }) ==
        "gather root, forward root, "
        "gather h.0, forward h.0, free h.0, gather h.1, forward h.1, free h.1, "
        "gather h.2, forward h.2, "
        "backward root, backward h.2, scatter h.2, free h.2, "
        "gather h.1, backward h.1, scatter h.1, free h.1, "
        "gather h.0, backward h.0, scatter h.0, free h.0, scatter root, free root");
}

TEST_CASE("fully sharded: with prefetch the next gather comes before the pass, and the scatter") {
  Layers layers(3);
  FullySharded sharded = over_all(layers);
  CHECK(events_of([&] { layers.step(sharded); }) ==
        "gather root, gather h.0, forward root, "
        "gather h.1, forward h.0, free h.0, gather h.2, forward h.1, free h.1, forward h.2, "
        "gather h.1, backward root, backward h.2, scatter h.2, free h.2, "
        "gather h.0, backward h.1, scatter h.1, free h.1, "
        "backward h.0, scatter h.0, free h.0, scatter root, free root");
}

TEST_CASE("fully sharded: 2U - 1 gathers and U scatters, and one of each for the root unit") {
  for (int64_t units : {1, 2, 5}) {
    for (bool prefetch : {false, true}) {
      CAPTURE(units);
      Layers layers(units);
      FullySharded sharded = over_all(layers, prefetch);
      const Ledger before = ledger();
      layers.step(sharded);
      check_ledger(ledger().since(before), layers, world().size(), 1);
      layers.check_gradients(sharded, ShardingGroups(layers.grid.dp()), {"dp"}, 1);
    }
  }
}

TEST_CASE("fully sharded: weights take this rank's parts, the root, and one or two units at most") {
  for (bool prefetch : {false, true}) {
    CAPTURE(prefetch);
    Layers layers(4);
    const int ranks = world().size();
    const int64_t before = backend().bytes_in_use();
    FullySharded sharded = over_all(layers, prefetch);
    int64_t had = 0;
    for (const auto& parameter : layers.owned) had += 2 * 4 * parameter->shard.whole.elements();
    const int64_t parts = weight_bytes(layers, {}, ranks);
    CHECK(sharded.weight_bytes() == parts);
    CHECK(backend().bytes_in_use() - before == 2 * parts - had);  // weights and gradients
    layers.step(sharded);
    const std::vector<size_t> largest =
        prefetch ? std::vector<size_t>{0, 3, 4} : std::vector<size_t>{0, 4};
    CHECK(sharded.peak_weight_bytes() == weight_bytes(layers, largest, ranks));
    CHECK(sharded.weight_bytes() == parts);
    CHECK(backend().bytes_in_use() - before == 2 * parts - had);
  }
}

TEST_CASE("fully sharded: gradients of two units exist at most, while one of them is summed") {
  Layers layers(4);
  FullySharded sharded = over_all(layers, false);
  sharded.zero_gradients();
  layers.forward();
  sharded.reduce_in_next_backward();
  const int64_t before = backend().bytes_in_use(), weights = sharded.weight_bytes();
  int64_t most = 0;
  std::vector<Listener> listeners;
  for (const auto& parameter : layers.owned) {
    listeners.push_back(parameter->on_gradient_ready([&] {
      const int64_t of_gradients =
          backend().bytes_in_use() - before - sharded.weight_bytes() + weights;
      most = std::max(most, of_gradients);
    }));
  }
  layers.backward(0);
  sharded.wait();
  const int ranks = world().size();
  const int64_t root = padded(layers.elements(0), ranks), last = padded(layers.elements(4), ranks),
                before_it = padded(layers.elements(3), ranks);
  // the whole gradients, and the part of the sum that is under way
  CHECK(most == 4 * (root + last + last / ranks + before_it));
}

TEST_CASE("fully sharded: a freed weight cannot be used, and who still looks at it sees NaN") {
  Layers layers(2);
  FullySharded sharded = over_all(layers, false);
  const Parameter& weight = *layers.parameters[1][0];
  CHECK(message_of([&] { weight.value.to_host(); }) == "an empty tensor was used");
  layers.look_at(*layers.parameters[0][0]);
  layers.look_at(weight);
  const Tensor view = weight.value;
  CHECK(view.to_host() == layers.initial[2].to_host());
  const int64_t bytes = sharded.weight_bytes(), given_out = backend().bytes_in_use();
  sharded.free_all();
  for (float value : view.to_host()) CHECK(std::isnan(value));
  CHECK(message_of([&] { gelu(weight.value); }) == "an empty tensor was used");
  // it is not forgotten that someone holds the memory
  const int ranks = world().size();
  CHECK(bytes - sharded.weight_bytes() == 4 * padded(layers.elements(0), ranks));
  CHECK(given_out - backend().bytes_in_use() == 4 * padded(layers.elements(0), ranks));
}

TEST_CASE("fully sharded: a unit is not freed while it is used") {
  Layers layers(2);
  FullySharded sharded = over_all(layers, false);
  const Parameter::Use in_use = layers.parameters[1][0]->use();
  CHECK(contains(message_of([&] { layers.parameters[2][0]->use(); }),
                 "the weights of h.0 would be freed while they are used"));
}

TEST_CASE("fully sharded: micro-batches add up in the parts; the root's gradient is summed once") {
  for (int micro_batches : {2, 3}) {
    Layers layers(3);
    FullySharded sharded = over_all(layers);
    const Ledger before = ledger();
    layers.step(sharded, micro_batches);
    check_ledger(ledger().since(before), layers, world().size(), micro_batches);
    layers.check_gradients(sharded, ShardingGroups(layers.grid.dp()), {"dp"}, micro_batches);
    layers.step(sharded, micro_batches);  // and not those of the step before
    layers.check_gradients(sharded, ShardingGroups(layers.grid.dp()), {"dp"}, micro_batches);
  }
}

TEST_CASE(
    "fully sharded: a forward pass in the backward pass, as recomputation has, gathers nothing") {
  Layers layers(3);
  FullySharded sharded = over_all(layers);
  const Ledger before = ledger();
  layers.step(sharded, 2, true);
  check_ledger(ledger().since(before), layers, world().size(), 2);
  layers.check_gradients(sharded, ShardingGroups(layers.grid.dp()), {"dp"}, 2);
}

TEST_CASE("fully sharded: forward passes alone keep the last unit, and the root, to the next one") {
  Layers layers(3);
  FullySharded sharded = over_all(layers);
  CHECK(events_of([&] { layers.forward(); }) ==
        "gather root, gather h.0, forward root, gather h.1, forward h.0, free h.0, "
        "gather h.2, forward h.1, free h.1, forward h.2");
  CHECK(events_of([&] { layers.forward(); }) ==
        "free h.2, gather h.0, gather h.1, forward h.0, free h.0, "
        "gather h.2, forward h.1, free h.1, forward h.2");
  CHECK(sharded.weight_bytes() == weight_bytes(layers, {0, 3}, world().size()));
  const Ledger before = ledger();
  layers.step(sharded);
  check_ledger(ledger().since(before), layers, world().size(), 1);
  layers.check_gradients(sharded, ShardingGroups(layers.grid.dp()), {"dp"}, 1);
}

TEST_CASE("fully sharded: units that are used in another order arrive when they are used") {
  Layers layers(3);
  FullySharded sharded = over_all(layers);
  CHECK(events_of([&] {
          for (size_t unit : {2, 1, 3}) layers.forward_of(unit);
        }) ==
        "gather h.1, gather h.2, forward h.1, free h.2, free h.1, "
        "gather h.0, gather h.1, forward h.0, free h.1, free h.0, gather h.2, forward h.2");
  sharded.free_all();
  CHECK(sharded.weight_bytes() == weight_bytes(layers, {}, world().size()));
}

TEST_CASE("fully sharded: parts of padding only take part") {
  Layers layers(1);
  layers.parameters[1].pop_back();  // a unit of the matrix alone, made smaller than the ranks
  layers.owned.push_back(
      std::make_unique<Parameter>(backend(), "h.0.gain", Shard::all({1}), 5, 1.0f));
  layers.initial.push_back(layers.owned.back()->value.clone());
  layers.parameters[1] = {layers.owned.back().get()};
  FullySharded sharded = over_all(layers);
  CHECK(sharded.units()[1]->weight.elements() == 1);
  layers.step(sharded);
  layers.check_gradients(sharded, ShardingGroups(layers.grid.dp()), {"dp"}, 1);
}

TEST_CASE("hybrid: scattered among neighbours in each micro-batch, and summed over replicas once") {
  const int ranks = world().size();
  for (int shard_ranks = 1; shard_ranks < ranks; ++shard_ranks) {
    if (ranks % shard_ranks != 0) continue;
    CAPTURE(shard_ranks);
    Layers layers(3);
    FullySharded sharded(layers.grid, ShardingGroups(layers.grid.dp(), shard_ranks), layers.units(),
                         {});
    const ShardingGroups groups(layers.grid.dp(), shard_ranks);
    CHECK(groups.shards().size() == shard_ranks);
    CHECK(groups.replicas()->size() == ranks / shard_ranks);
    const Ledger before = ledger();
    layers.step(sharded, 3);
    const Ledger step = ledger().since(before);
    layers.check_gradients(sharded, groups, {"dp"}, 3);
    int64_t parts = 0;
    for (const auto& unit : sharded.units()) parts += unit->gradient.bytes();
    CHECK(step.calls(Collective::all_gather, "shards") == 3 * 5 + 1);
    CHECK(step.calls(Collective::reduce_scatter, "shards") == 3 * 3 + 1);
    CHECK(step.calls(Collective::all_reduce, "replicas") == 4);
    CHECK(step.calls() == 3 * 5 + 1 + 3 * 3 + 1 + 4);
    int64_t reduced = 0;
    for (const LedgerRow& row : step.rows())
      if (row.op == Collective::all_reduce) reduced += row.bytes;
    CHECK(reduced == parts);
  }
  CHECK(contains(message_of<UsageError>([&] { ShardingGroups(world(), ranks + 1); }),
                 "cannot be divided into groups of"));
}

TEST_CASE(
    "tensor × data parallel: what is partial over tp, too, is summed before it is scattered") {
  if (world().size() != 4) return;
  Layers layers(2, 2);
  layers.parameters[1][1]->partial_over = {"tp", "dp"};
  FullySharded sharded = over_all(layers);
  layers.step(sharded, 2);
  const FlatBucket& flat = sharded.units()[1]->flat();
  std::vector<float> expected;  // of the whole unit
  for (const Parameter* parameter : layers.parameters[1]) {
    const Axes axes = parameter->is_partial_over("tp") ? Axes{"tp", "dp"} : Axes{"dp"};
    for (int64_t i = 0; i < parameter->shard.whole.elements(); ++i) {
      float sum = 0;
      for (int rank : layers.grid.layout().group_of(world().rank(), axes)) {
        for (int micro_batch : {0, 1})
          sum += Layers::term(*parameter, rank, micro_batch)[static_cast<size_t>(i)];
      }
      expected.push_back(sum);
    }
  }
  expected.resize(static_cast<size_t>(flat.padded()), 0.0f);
  const Range mine = flat.range_of(layers.grid.dp().rank());
  CHECK(sharded.units()[1]->gradient.to_host() ==
        std::vector<float>(expected.begin() + mine.begin, expected.begin() + mine.end));
}

TEST_CASE("fully sharded: a backward pass that leaves a unit out is noticed, and named") {
  Layers layers(2);
  FullySharded sharded = over_all(layers);
  sharded.zero_gradients();
  layers.forward();
  sharded.reduce_in_next_backward();
  layers.backward_of(2, 0);
  CHECK(contains(message_of([&] { sharded.wait(); }),
                 "the backward pass finished without 2 gradients of root"));
}

TEST_CASE("fully sharded: what it does not do is refused") {
  Layers layers(2);
  CHECK(contains(message_of([&] {
                   FullySharded(layers.grid, ShardingGroups(world()), {layers.units()[0]}, {});
                 }),
                 "in a root unit and at least one other"));
  layers.parameters[2][1]->partial_over = {"edp"};  // an expert's
  CHECK(contains(
      message_of([&] { FullySharded(layers.grid, ShardingGroups(world()), layers.units(), {}); }),
      "h.1.bias is an expert's: its weights are not fully sharded"));
  layers.parameters[2][1]->partial_over = {"tp"};
  CHECK(contains(
      message_of([&] { FullySharded(layers.grid, ShardingGroups(world()), layers.units(), {}); }),
      "h.1.bias is not partial over dp"));
  layers.parameters[2][1]->partial_over = {"dp"};
  layers.parameters[1][0]->before_gradient = [] {};
  CHECK(contains(
      message_of([&] { FullySharded(layers.grid, ShardingGroups(world()), layers.units(), {}); }),
      "h.0.weight is shared out already"));
  layers.parameters[1][0]->before_gradient = nullptr;
  if (world().size() == 1) return;
  Grid stages(world(), {{"pp", world().size()}});
  CHECK(contains(
      message_of([&] { FullySharded(stages, ShardingGroups(stages.dp()), layers.units(), {}); }),
      "weights are not fully sharded on a grid of"));
}

TEST_CASE("the rules of events: each is broken by what it forbids") {
  using chapter_16::Event;
  const std::vector<std::string> units{"root", "h.0", "h.1"};
  for (bool prefetch : {false, true}) {
    Layers layers(2);
    FullySharded sharded = over_all(layers, prefetch);
    const std::vector<Event> right =
        chapter_16::events_of(world(), units, [&] { layers.step(sharded); });
    CHECK(chapter_16::broken_rule(right, units, prefetch).empty());
    if (prefetch)
      CHECK(contains(chapter_16::broken_rule(right, units, false), "2 units at one time"));
    else
      CHECK(contains(chapter_16::broken_rule(right, units, true), "nothing arrives"));
    const auto without = [&](const Event& event) {
      std::vector<Event> events = right;
      events.erase(std::ranges::find(events, event));
      return chapter_16::broken_rule(events, units, prefetch);
    };
    CHECK(contains(without({"gather", "h.0"}), "the forward of h.0 finds no weights"));
    CHECK(contains(without({"backward", "h.1"}), "the scatter of h.1 comes too early"));
    CHECK(!without({"free", "h.0"}).empty());
  }
}

TEST_CASE("fully sharded: one unit beside the root has nothing to gather ahead") {
  const std::vector<chapter_16::Event> events{{"gather", "root"}, {"gather", "h.0"},
                                              {"forward", "h.0"}, {"backward", "h.0"},
                                              {"scatter", "h.0"}, {"free", "h.0"}};
  for (const bool prefetch : {false, true})
    CHECK(chapter_16::broken_rule(events, {"root", "h.0"}, prefetch).empty());
}
