// A sharded optimizer: on every grid and in every way of sharding it takes the steps of chapter 10,
// in the bytes of memory and of communication that ZeRO says, and its checkpoints are the same.
#include "chapters/10_tensor_and_data_parallel/adamw_optimizer.h"
#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "chapters/11_checkpoints/checkpoint.h"
#include "chapters/15_sharded_optimizer/shard_norm.h"
#include "chapters/15_sharded_optimizer/sharded_adamw.h"
#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "tests/chapters/block_support.h"
#include "tests/support_files.h"

using namespace shard;
using reference::relative_error;
namespace fs = std::filesystem;

namespace {

constexpr Sharding all_shardings[] = {Sharding::moments, Sharding::gradients,
                                      Sharding::gradients_in_last_pass};

std::vector<std::pair<int, int>> grids() {
  std::vector<std::pair<int, int>> all;
  for (int tp = 1; tp <= world().size(); ++tp)
    if (world().size() % tp == 0) all.emplace_back(tp, world().size() / tp);
  // an emulated GPU takes its time: the grid with both axes, where there is one
  if (backend().device() == Device::cuda && all.size() > 2) return {all[1]};
  return all;
}

TrainingSettings some_settings() {
  TrainingSettings settings;
  settings.batch = 13;
  settings.accumulate = 2;
  settings.dropout = 0.1;
  settings.seed = 77;
  settings.clip = 0;
  settings.warmup = 2;
  return settings;
}

/// 12 heads and a vocabulary of 13 on 1 to 4 ranks: uneven parts of the table.
constexpr GptSizes sizes{.vocabulary = 13, .context = 8, .width = 24, .heads = 12, .layers = 2};

/// A model in training, with chapter 10's parts or with sharded ones.
struct Run {
  Grid grid;
  Gpt model;
  TrainingSettings settings;
  Trainer trainer;
  TextData data;

  static StepParts parts(Grid& grid, Gpt& model, const TrainingSettings& settings,
                         std::optional<Sharding> sharding) {
    return sharding ? sharded_parts_of_step(grid, model, settings, *sharding)
                    : parts_of_step(grid, model, settings);
  }
  static std::vector<int32_t> tokens() {
    std::vector<int32_t> all;
    for (uint64_t i = 0; i < 500; ++i)
      all.push_back(static_cast<int32_t>(RandomStream{1, 2}.below(13, i)));
    return all;
  }

  Run(Communicator& ranks, int tp, std::optional<Sharding> sharding,
      TrainingSettings s = some_settings(), uint64_t seed = 77)
      : grid(ranks, {{"tp", tp}, {"dp", ranks.size() / tp}}),
        model(grid.tp(), sizes, {seed, 0.2f, 0.1f}),
        settings(s),
        trainer(grid.dp(), parts(grid, model, settings, sharding), settings),
        data(tokens(), 0, 8) {}

  Trainer::Step step(int64_t number) {
    return trainer.step(number, [&](Range range) {
      return chapter_10::training_batch(backend(), data, 77, number, range);
    });
  }
};

bool same_values(Run& a, Run& b) {
  const Parameters of_a = a.model.parameters(), of_b = b.model.parameters();
  for (size_t i = 0; i < of_a.size(); ++i)
    if (of_a[i]->value.to_host() != of_b[i]->value.to_host()) return false;
  return true;
}

/// Of all weights but K's biases, whose gradients are rounding noise.
double weights_error(Run& a, Run& b) {
  double worst = 0;
  const Parameters of_a = a.model.parameters(), of_b = b.model.parameters();
  for (size_t i = 0; i < of_a.size(); ++i) {
    if (of_a[i]->name.ends_with("c_attn.bias")) continue;
    worst = reference::larger(worst, relative_error(of_a[i]->value, of_b[i]->value));
  }
  return worst;
}

int64_t elements_of(const Parameters& parameters) {
  int64_t elements = 0;
  for (const Parameter* parameter : parameters) elements += parameter->value.elements();
  return elements;
}

std::unique_ptr<Parameter> made(const std::string& name, Shard shard) {
  return std::make_unique<Parameter>(backend(), name, std::move(shard), 5, 1.0f);
}

/// The parameters of an uneven layer: a cut matrix, and with sequence parallelism ("tp") replicated
/// vectors between such matrices, whose gradients are partial over both axes.
struct Uneven {
  std::vector<std::unique_ptr<Parameter>> owned;
  Parameters all;

  Uneven(Grid& grid, bool sequence_parallel) {
    const int tp = grid.size("tp"), rank = grid.coordinate("tp");
    owned.push_back(made("a", Shard::of_columns({5, 11}, {part_of(11, tp, rank)})));
    owned.push_back(made("gain", Shard::all({7})));
    owned.push_back(made("b", Shard::of_rows({7, 3}, part_of(7, tp, rank))));
    owned.push_back(made("table", Shard::all({3, 4})));
    for (const auto& parameter : owned) {
      all.push_back(parameter.get());
      if (!parameter->is_replicated() || tp == 1) continue;
      parameter->counts = rank == 0;
      if (sequence_parallel) parameter->partial_over = {"dp", "tp"};
    }
  }

  /// Element i of the whole gradient of a parameter, as far as `rank` and `pass` make it.
  static float term(const Parameter& parameter, int64_t i, int rank, int64_t pass) {
    const int64_t of_rank = parameter.partial_over.size() > 1 || !parameter.is_replicated()
                                ? rank
                                : rank / 100;  // not sequence parallel: as on the other tp ranks
    return element(of_rank + 7 * pass, i + std::ssize(parameter.name));
  }

  /// A backward pass of rank `rank`.
  void backward(int rank, int64_t pass) {
    for (size_t i = all.size(); i-- > 0;) {
      Parameter& parameter = *all[i];
      std::vector<float> terms(static_cast<size_t>(parameter.shard.whole.elements()));
      for (size_t at = 0; at < terms.size(); ++at)
        terms[at] = term(parameter, static_cast<int64_t>(at), rank, pass);
      accumulate(parameter.open_gradient(),
                 tensor(parameter.shard.local(), parameter.shard.cut(terms)));
      parameter.gradient_is_ready();
    }
  }
};

/// What tells ranks apart in Uneven::term: 100 · dp + tp.
int number_of(const Grid& grid) { return 100 * grid.coordinate("dp") + grid.coordinate("tp"); }

/// A folder of rank 0, which all ranks know.
struct SharedFolder {
  std::unique_ptr<TemporaryFolder> mine;
  std::string path;
  SharedFolder() {
    if (world().rank() == 0) mine = std::make_unique<TemporaryFolder>();
    path = world().gather_text(mine ? mine->path().string() : "").front();
  }
  ~SharedFolder() { world().barrier(); }
};

CheckpointInfo info(int64_t step) {
  return {.step = step,
          .sizes = sizes,
          .settings = some_settings(),
          .characters = "abcdefghijklm",
          .data = "0123456789abcdef"};
}

}  // namespace

TEST_CASE("sharded: the steps of chapter 10, with the same bits on two data-parallel ranks") {
  for (const auto& [tp, dp] : grids()) {
    for (const Sharding sharding : all_shardings) {
      CAPTURE(tp);
      CAPTURE(static_cast<int>(sharding));
      // several reductions a step add in another order
      const bool exact =
          dp <= 2 && sharding != Sharding::gradients && backend().device() == Device::cpu;
      Run run(world(), tp, sharding), expected(world(), tp, std::nullopt);
      for (int64_t step = 0; step < 4; ++step) {
        const Trainer::Step got = run.step(step), want = expected.step(step);
        CHECK(relative_error(got.loss, want.loss) <= (exact ? 0.0 : 1e-5));
        CHECK(relative_error(got.gradient_norm, want.gradient_norm) < 1e-4);
      }
      CHECK(weights_error(run, expected) < 1e-4);
      if (exact) CHECK(same_values(run, expected));
      for (const Parameter* parameter : run.model.parameters()) {
        Tensor of_first = parameter->value.clone();
        run.grid.dp().broadcast(of_first, 0);
        CHECK(of_first.to_host() == parameter->value.to_host());
      }
    }
  }
}

TEST_CASE("sharded: one micro-batch has the same bits in every way of sharding") {
  TrainingSettings settings = some_settings();
  settings.accumulate = 1;
  for (const auto& [tp, dp] : grids()) {
    Run first(world(), tp, Sharding::moments, settings),
        second(world(), tp, Sharding::gradients, settings),
        third(world(), tp, Sharding::gradients_in_last_pass, settings);
    for (int64_t step = 0; step < 3; ++step) {
      const double norm = first.step(step).gradient_norm;
      CHECK(second.step(step).gradient_norm == norm);
      CHECK(third.step(step).gradient_norm == norm);
    }
    CHECK(same_values(first, second));
    CHECK(same_values(first, third));
  }
}

TEST_CASE("sharded: gradients that are sent in bf16, and weights that are rounded to it") {
  if (!backend().computes_in(DataType::bf16)) return;
  TrainingSettings settings = some_settings();
  settings.precision = settings.reduce_in = Precision::bf16;
  for (const Sharding sharding : all_shardings) {
    Run run(world(), 1, sharding, settings), expected(world(), 1, std::nullopt, settings);
    for (int64_t step = 0; step < 3; ++step)
      CHECK(run.step(step).loss == doctest::Approx(expected.step(step).loss).epsilon(5e-3));
    CHECK(run.model.parameters().front()->value.type() == DataType::bf16);
    CHECK(weights_error(run, expected) < 3e-2);
    const TrainingState state = run.trainer.optimizer().state();
    for (const StateTensor& weight : state.weights) CHECK(weight.part.type() == DataType::f32);
  }
}

TEST_CASE("sharded: clipped steps are those of chapter 10 up to the norm's rounding") {
  TrainingSettings settings = some_settings();
  settings.clip = 0.05;
  for (const auto& [tp, dp] : grids()) {
    Run run(world(), tp, Sharding::gradients, settings),
        expected(world(), tp, std::nullopt, settings);
    for (int64_t step = 0; step < 3; ++step) {
      run.step(step);
      CHECK(expected.step(step).gradient_norm > settings.clip);
    }
    CHECK(weights_error(run, expected) < 1e-4);
  }
}

TEST_CASE(
    "sharded: whole-numbered gradients give the weights of chapter 10, bit by bit, on any grid") {
  TrainingSettings settings = some_settings();
  for (const auto& [tp, dp] : grids()) {
    Grid grid(world(), {{"tp", tp}, {"dp", dp}});
    for (const bool sequence_parallel : {false, true}) {
      for (const Sharding sharding : all_shardings) {
        for (const int64_t bucket_bytes : {1, 100, 1 << 20}) {
          CAPTURE(tp);
          CAPTURE(sequence_parallel);
          CAPTURE(static_cast<int>(sharding));
          CAPTURE(bucket_bytes);
          Uneven expected(grid, sequence_parallel), got(grid, sequence_parallel);
          BucketedReduction reduction(grid, expected.all, DataType::f32);
          AdamWOptimizer adam(grid, expected.all, settings);
          GradientShards shards(grid, got.all, sharding, DataType::f32, bucket_bytes);
          ShardedAdamW sharded(shards, got.all, settings);
          const Tensor factor = Tensor::full(backend(), {1}, 1.0f);
          const auto step = [&](GradientReduction& reduces, Uneven& layer, Optimizer& optimizer,
                                int64_t number) {
            reduces.zero_gradients();
            for (int64_t pass = 0; pass < 3; ++pass) {
              if (pass == 2) reduces.reduce_in_next_backward();
              layer.backward(number_of(grid), pass + 3 * number);
            }
            reduces.wait();
            optimizer.update(number, 1e-2, factor);
          };
          for (int64_t number = 0; number < 2; ++number) {
            step(reduction, expected, adam, number);
            step(shards, got, sharded, number);
          }
          for (size_t i = 0; i < got.all.size(); ++i) {
            const Tensor &value = got.all[i]->value, &same = expected.all[i]->value;
            // a GPU's compiler may round a tensor's last elements otherwise
            CHECK(relative_error(value, same) < 1e-6);
            if (backend().device() == Device::cpu) CHECK(value.to_host() == same.to_host());
          }
          for (const GradientShards::Bucket& bucket : shards.buckets()) {
            for (const FlatPiece& piece : bucket.flat.pieces_of(grid.dp().rank())) {
              const auto i = std::ranges::find(got.all, piece.parameter) - got.all.begin();
              const Tensor& sum = expected.all[static_cast<size_t>(i)]->gradient;
              CHECK(bucket.own.slice(piece.place).to_host() ==
                    sum.reshape({sum.elements()}).slice(piece.elements).to_host());
            }
          }
        }
      }
    }
  }
}

TEST_CASE("sharded: the norm counts every element once, in ranges that mix cut and replicated") {
  for (const auto& [tp, dp] : grids()) {
    Grid grid(world(), {{"tp", tp}, {"dp", dp}});
    Uneven layer(grid, false);
    GradientShards shards(grid, layer.all, Sharding::moments, DataType::f32, 1 << 20);
    shards.zero_gradients();
    shards.reduce_in_next_backward();
    layer.backward(number_of(grid), 0);
    shards.wait();
    double expected = 0;  // by element of the whole tensors
    for (const Parameter* parameter : layer.all) {
      std::vector<double> whole(static_cast<size_t>(parameter->shard.whole.elements()));
      for (int tp_rank = 0; tp_rank < (parameter->is_replicated() ? 1 : tp); ++tp_rank) {
        const Shard part =
            parameter->name == "a"   ? Shard::of_columns({5, 11}, {part_of(11, tp, tp_rank)})
            : parameter->name == "b" ? Shard::of_rows({7, 3}, part_of(7, tp, tp_rank))
                                     : parameter->shard;
        part.for_each_run([&](int64_t, int64_t begin, int64_t length) {
          for (int64_t i = begin; i < begin + length; ++i)
            for (int rank = 0; rank < dp; ++rank)
              whole[static_cast<size_t>(i)] +=
                  static_cast<double>(Uneven::term(*parameter, i, 100 * rank + tp_rank, 0));
        });
      }
      for (const double value : whole) expected += value * value;
    }
    const Ledger before = ledger();
    const Tensor squares = ShardNorm(world(), shards).sum_of_squares();
    CHECK(static_cast<double>(squares.to_host()[0]) == doctest::Approx(expected).epsilon(1e-6));
    if (world().size() > 1) CHECK(ledger().since(before).calls() == 1);
  }
}

TEST_CASE("sharded: the bytes of weights, gradients and moments, padding included") {
  for (const auto& [tp, dp] : grids()) {
    const int64_t d = dp;
    for (const Sharding sharding : all_shardings) {
      const int64_t before = backend().bytes_in_use();
      Grid grid(world(), {{"tp", tp}, {"dp", dp}});
      Gpt model(grid.tp(), sizes, {77, 0.2f, 0.1f});
      const Parameters parameters = model.parameters();
      const int64_t psi = elements_of(parameters);
      CHECK(backend().bytes_in_use() - before == 8 * psi);  // weights and gradients
      GradientShards shards(grid, parameters, sharding);
      ShardedAdamW optimizer(shards, parameters, some_settings());
      int64_t padded = 0;
      for (const GradientShards::Bucket& bucket : shards.buckets()) padded += bucket.flat.padded();
      CHECK(padded < psi + d * std::ssize(shards.buckets()));
      const int64_t bytes = backend().bytes_in_use() - before;
      if (sharding == Sharding::moments)
        CHECK(bytes == 8 * padded + 8 * padded / d);
      else
        CHECK(bytes == 4 * padded + 12 * padded / d);
      CHECK(bytes == optimizer.bytes() + shards.bytes());
    }
  }
}

TEST_CASE("sharded: whole gradients exist only during the pass, and a few buckets at a time") {
  Grid grid(world(), {{"dp", world().size()}});
  Gpt model(grid.tp(), sizes, {77, 0.2f, 0.1f});
  const Parameters parameters = model.parameters();
  GradientShards shards(grid, parameters, Sharding::gradients, DataType::f32, 4000);
  int64_t padded = 0, largest = 0;
  for (const GradientShards::Bucket& bucket : shards.buckets()) {
    padded += 4 * bucket.flat.padded();
    largest = std::max(largest, 4 * bucket.flat.padded());
  }
  REQUIRE(shards.buckets().size() > 4);
  shards.zero_gradients();
  shards.reduce_in_next_backward();
  const int64_t own = padded / world().size();
  CHECK(shards.bytes() == own);
  for (size_t i = parameters.size(); i-- > 0;) {
    parameters[i]->open_gradient();
    parameters[i]->gradient_is_ready();
  }
  shards.wait();
  CHECK(shards.bytes() == own);
  CHECK(shards.peak_bytes() > own);
  CHECK(shards.peak_bytes() <= own + 3 * largest);
  for (const Parameter* parameter : parameters) CHECK(!parameter->gradient);
}

TEST_CASE("sharded: what a step sends") {
  TrainingSettings settings = some_settings();
  settings.accumulate = 3;
  for (const auto& [tp, dp] : grids()) {
    if (dp == 1) continue;
    for (const Sharding sharding : all_shardings) {
      Run run(world(), tp, sharding, settings);
      const int64_t m = sharding == Sharding::gradients ? 3 : 1,
                    psi = elements_of(run.model.parameters());
      run.step(0);
      const Ledger before = ledger();
      run.step(1);
      const Ledger step = ledger().since(before);
      const auto bytes = [&](Collective op) {
        int64_t sum = 0;
        for (const LedgerRow& row : step.rows())
          if (row.op == op && row.group == run.grid.dp().name()) sum += row.bytes;
        return sum;
      };
      const int64_t scattered = bytes(Collective::reduce_scatter),
                    gathered = bytes(Collective::all_gather);
      CHECK(scattered >= m * 4 * psi);
      CHECK(scattered < m * 4 * (psi + dp));  // one bucket, and its padding
      CHECK(scattered == m * gathered * dp);
      CHECK(bytes(Collective::all_reduce) == 4);  // of the loss
    }
  }
}

TEST_CASE("sharded: a bucket is under way before the backward pass is over") {
  Grid grid(world(), {{"dp", world().size()}});
  for (const Sharding sharding : all_shardings) {
    Uneven layer(grid, false);
    GradientShards shards(grid, layer.all, sharding, DataType::f32, 1);
    std::vector<bool> under_way;
    const Listener listener = layer.all.front()->on_gradient_ready([&] {
      for (const GradientShards::Bucket& bucket : shards.buckets())
        under_way.push_back(bucket.pending.has_value());
    });
    shards.zero_gradients();
    shards.reduce_in_next_backward();
    layer.backward(number_of(grid), 0);
    // ZeRO-2 has finished all but the last two; the listener comes after this bucket's own
    const bool whole = sharding == Sharding::moments;
    CHECK(under_way == std::vector<bool>{whole, whole, true, true});
    shards.wait();
  }
}

TEST_CASE("sharded: a gradient that is not finite leaves the weights as they are") {
  for (const Sharding sharding : all_shardings) {
    Run run(world(), 1, sharding), expected(world(), 1, sharding);
    run.step(0);
    expected.step(0);
    Tensor table = run.model.token_embedding->weight.value;
    const Tensor before = table.clone();
    fill(table, std::numeric_limits<float>::infinity());
    CHECK(!std::isfinite(run.step(1).gradient_norm));
    copy(table, before);
    CHECK(same_values(run, expected));
  }
}

TEST_CASE("sharded: a checkpoint is chapter 10's, and goes on with any number of ranks") {
  for (const auto& [tp, dp] : grids()) {
    CAPTURE(tp);
    const SharedFolder folder;
    Run run(world(), tp, Sharding::gradients), plain(world(), tp, std::nullopt),
        same(world(), tp, Sharding::moments, some_settings(), 3),
        single(alone(), 1, std::nullopt, some_settings(), 4),
        single_sharded(alone(), 1, Sharding::moments, some_settings(), 5);
    const fs::path initial = Checkpoints(world(), folder.path + "/sharded", 1)
                                 .save(run.trainer.optimizer().state(), info(0)),
                   expected = Checkpoints(world(), folder.path + "/plain", 1)
                                  .save(plain.trainer.optimizer().state(), info(0));
    for (const char* file : {"model.safetensors", "optimizer.safetensors"})
      CHECK(content_of(initial / file) == content_of(expected / file));
    for (int64_t step = 0; step < 3; ++step) run.step(step);
    const fs::path saved = Checkpoints(world(), folder.path + "/after", 1)
                               .save(run.trainer.optimizer().state(), info(3));
    // on the first ranks, too
    const int fewer = world().size() > 1 ? world().size() - 1 : 1;
    const auto some = world().split(world().rank() < fewer ? 0 : 1, "some");
    std::optional<Run> on_fewer;
    if (world().rank() < fewer) on_fewer.emplace(*some, 1, Sharding::gradients_in_last_pass);
    std::vector<Run*> others{&same, &single, &single_sharded};
    if (on_fewer) others.push_back(&*on_fewer);
    for (Run* other : others) load_checkpoint(saved, other->trainer.optimizer(), false);
    CHECK(same_values(same, run));
    CHECK(same_values(single, single_sharded));
    for (int64_t step = 3; step < 6; ++step) {
      const double loss = run.step(step).loss;
      for (Run* other : others)
        CHECK(other->step(step).loss == doctest::Approx(loss).epsilon(1e-5));
    }
    CHECK(weights_error(same, run) < 1e-4);
    if (on_fewer) CHECK(weights_error(*on_fewer, single) < 1e-4);
    CHECK(same_values(single, single_sharded));
  }
}

TEST_CASE("sharded: what cannot be reduced, and what was left out, is named") {
  Grid grid(world(), {{"dp", world().size()}});
  Uneven layer(grid, false);
  {
    GradientShards shards(grid, layer.all, Sharding::gradients, DataType::f32, 1);
    shards.zero_gradients();
    shards.reduce_in_next_backward();
    CHECK(contains(message_of([&] { shards.wait(); }),
                   "the backward pass finished without 1 gradient of the bucket of table"));
  }
  {
    GradientShards shards(grid, layer.all, Sharding::moments, DataType::f32, 1);
    shards.reduce_in_next_backward();
    layer.all.back()->gradient_is_ready();
    CHECK(contains(message_of([&] { layer.all.back()->gradient_is_ready(); }),
                   "a parameter of table's bucket became ready twice"));
    shards.zero_gradients();
  }
  layer.backward(0, 0);  // parameters outlive it, and no longer report to it
  CHECK(layer.all.front()->gradient.elements() == layer.all.front()->value.elements());
  layer.all.front()->partial_over = {"tp"};
  CHECK(contains(message_of([&] { const GradientShards none(grid, layer.all, Sharding::moments); }),
                 "a is not partial over dp"));
}
