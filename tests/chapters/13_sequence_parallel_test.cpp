// SequenceParallel: a block on a rank's own rows, and a GPT of such blocks, equal those of tensor
// parallelism; reduce-scatters and all-gathers take the place of all-reduces.
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "common/comm/partial_gradients.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using reference::relative_error;

namespace {

using CutBlock = SequenceParallelBlock<FusedAttention, FusedMlp>;

// 35 rows, which 2, 3 and 4 ranks do not divide; all cut within a sequence
constexpr int64_t batch = 5, context = 7, width = 24, heads = 12, hidden = 50;
constexpr int64_t rows = batch * context;
constexpr BlockSizes block_sizes{.width = width, .heads = heads, .hidden = hidden};
constexpr float projection = 0.2f;

/// What a model tells its blocks: this rank's rows of sequences first_sequence ….
DropoutMoment own_moment(float probability, int64_t first_sequence = 0) {
  DropoutMoment moment{probability, 9, 4, first_sequence};
  moment.rows = moment.rows_of(batch, rows).part(world().size(), world().rank());
  return moment;
}

Tensor whole_rows(const std::string& name) { return tensor(random_matrix(rows, width, name)); }
Tensor own_rows(const std::string& name) { return whole_rows(name).slice(my_part(rows)); }

void sum_over_tp(const Parameters& parameters) {
  Grid grid(world(), {{"tp", world().size()}});
  const Ledger before = ledger();
  PartialGradients(grid, parameters, {"dp"}).sum();
  const Ledger sums = ledger().since(before);
  CHECK(sums.calls() == (world().size() > 1 ? 1 : 0));
  CHECK(sums.calls(Collective::all_reduce) == sums.calls());
}

int64_t bytes_of_calls(const Ledger& ledger, Collective op) {
  int64_t bytes = 0;
  for (const LedgerRow& row : ledger.rows())
    if (row.op == op) bytes += row.bytes;
  return bytes;
}

void check_collectives(const Ledger& since, int64_t gathers, int64_t scatters) {
  CHECK(since.calls() == gathers + scatters);
  CHECK(since.calls(Collective::all_gather) == gathers);
  CHECK(since.calls(Collective::reduce_scatter) == scatters);
  CHECK(bytes_of_calls(since, Collective::all_gather) ==
        gathers * my_part(rows).size() * width * 4);
  CHECK(bytes_of_calls(since, Collective::reduce_scatter) == scatters * rows * width * 4);
}

void check_block(Gathered gathered, float probability) {
  INFO("dropout ", probability, gathered == Gathered::kept ? ", kept" : ", gathered again");
  CutBlock split(world(), "h.0", block_sizes, block_init, projection, gathered);
  TransformerBlock unsplit(alone(), "h.0", block_sizes, block_init, projection);
  const Ledger start = ledger();
  CutBlock::Kept kept;
  const Tensor y = split.forward(own_rows("x"), batch, own_moment(probability, 2), kept);
  const Ledger middle = ledger();
  check_collectives(middle.since(start), 2, 2);
  const Tensor dx = split.backward(own_rows("dy"), kept);
  check_collectives(ledger().since(middle), gathered == Gathered::again ? 4 : 2, 2);

  TransformerBlock::Kept kept_unsplit;
  const DropoutMoment moment{probability, 9, 4, 2};
  const Tensor y_unsplit = unsplit.forward(whole_rows("x"), batch, moment, kept_unsplit),
               dx_unsplit = unsplit.backward(whole_rows("dy"), kept_unsplit);
  CHECK(relative_error(y, y_unsplit.slice(my_part(rows))) < tolerance);
  CHECK(relative_error(dx, dx_unsplit.slice(my_part(rows))) < tolerance);
  sum_over_tp(split.parameters());
  check_gradients(split.parameters(), unsplit.parameters());
  check_replicated_gradients(split.parameters());
}

}  // namespace

TEST_CASE("sequence-parallel block: forward, backward and collectives, rows not divisible") {
  for (const Gathered gathered : {Gathered::again, Gathered::kept}) {
    check_block(gathered, 0);
    check_block(gathered, 0.3f);
  }
}

TEST_CASE("sequence-parallel block: two ranks add in the order of tensor parallelism, bit by bit") {
  if (world().size() > 2) return;
  CutBlock split(world(), "h.0", block_sizes, block_init, projection);
  TransformerBlock tensor_parallel(world(), "h.0", block_sizes, block_init, projection);
  CutBlock::Kept kept;
  TransformerBlock::Kept kept_whole;
  const DropoutMoment moment{0.3f, 9, 4, 2};
  const Tensor y = split.forward(own_rows("x"), batch, own_moment(0.3f, 2), kept);
  const Tensor whole = tensor_parallel.forward(whole_rows("x"), batch, moment, kept_whole);
  CHECK(same_bits(y, whole.slice(my_part(rows))));
  CHECK(same_bits(split.backward(own_rows("dy"), kept),
                  tensor_parallel.backward(whole_rows("dy"), kept_whole).slice(my_part(rows))));
}

TEST_CASE("sequence-parallel block: what is partial over tp is what every rank holds") {
  CutBlock split(world(), "h.0", block_sizes, block_init, projection);
  for (const Parameter* parameter : split.parameters()) {
    INFO(parameter->name);
    CHECK(parameter->is_partial_over("dp"));
    const bool is_bias_or_norm = parameter->name.find("ln_") != std::string::npos ||
                                 parameter->name.ends_with("c_proj.bias");
    CHECK(parameter->is_partial_over("tp") == is_bias_or_norm);
  }
}

TEST_CASE("sequence-parallel block: two passes at once with dropout, weights that come and go") {
  for (const Gathered gathered : {Gathered::again, Gathered::kept}) {
    check_passes<CutBlock>({
        .make =
            [gathered] {
              return std::make_unique<CutBlock>(world(), "h.0", block_sizes, block_init, projection,
                                                gathered);
            },
        .forward =
            [](const auto& layer, int pass, auto& kept) {
              return layer.forward(own_rows(text("x", pass)), batch, own_moment(0.3f, batch * pass),
                                   kept);
            },
        .backward = [](auto& layer, int pass,
                       auto& kept) { return layer.backward(own_rows(text("dy", pass)), kept); },
    });
  }
}

TEST_CASE("sequence-parallel block: the rows that tensor parallelism replicates, cut by t") {
  const int64_t own = my_part(rows).size(), ranks = world().size();
  // q, k, v, the heads' output, a log-sum-exp of each head, and what is before GeLU
  const int64_t sharded = rows * ((4 * width + heads) / ranks + my_part(hidden).size());
  for (const Gathered gathered : {Gathered::again, Gathered::kept}) {
    CutBlock split(world(), "h.0", block_sizes, block_init, projection, gathered);
    CutBlock::Kept kept;
    split.forward(own_rows("x").clone(), batch, own_moment(0.3f), kept);
    const int64_t normed = gathered == Gathered::again ? own : rows;
    CHECK(bytes_of(kept) == 4 * (own * (2 * width + 4) + 2 * normed * width + sharded));
  }
}

TEST_CASE("sequence-parallel block: without its rows it is refused") {
  if (world().size() == 1) return;
  CutBlock split(world(), "h.0", block_sizes, block_init, projection);
  CutBlock::Kept kept;
  CHECK(contains(message_of([&] { split.forward(own_rows("x"), batch, {}, kept); }), "rows"));
}

namespace {

// a vocabulary that 2, 3 and 4 ranks do not divide
constexpr GptSizes sizes{.vocabulary = 13, .context = 14, .width = 24, .heads = 12, .layers = 2};

Tensor tokens_of(const std::string& name) {
  std::vector<int32_t> ids;
  const RandomStream random{3, stream_of(name)};
  for (uint64_t i = 0; i < rows; ++i) ids.push_back(static_cast<int32_t>(random.below(13, i)));
  return indices(ids);
}

template <class Model>
Tensor losses_of(Model& model, int pass, typename Model::Kept& kept) {
  return model.forward(tokens_of(text("tokens", pass)), tokens_of(text("targets", pass)), batch,
                       {.probability = 0.2f, .seed = 9, .pass = 4, .first_sequence = batch * pass},
                       kept);
}

}  // namespace

TEST_CASE("sequence-parallel gpt: losses and gradients of chapter 10's, unsplit and split") {
  Gpt unsplit(alone(), sizes, block_init), tensor_parallel(world(), sizes, block_init);
  Gpt::Kept kept_unsplit, kept_split;
  const Tensor expected = losses_of(unsplit, 1, kept_unsplit);
  unsplit.backward(0.125f, kept_unsplit);
  losses_of(tensor_parallel, 1, kept_split);
  tensor_parallel.backward(0.125f, kept_split);
  for (const Gathered gathered : {Gathered::again, Gathered::kept}) {
    SequenceParallelGpt model(world(), sizes, block_init, gathered);
    SequenceParallelGpt::Kept kept;
    CHECK(relative_error(losses_of(model, 1, kept), expected) < tolerance);
    model.backward(0.125f, kept);
    sum_over_tp(model.parameters());
    check_gradients(model.parameters(), unsplit.parameters());
    const Parameters split = tensor_parallel.parameters(), mine = model.parameters();
    for (size_t i = 0; i < mine.size(); ++i)
      CHECK(relative_error(mine[i]->gradient, split[i]->gradient) < tolerance);
  }
}

TEST_CASE("sequence-parallel gpt: its collectives, block by block and at the two ends") {
  for (const Gathered gathered : {Gathered::again, Gathered::kept}) {
    SequenceParallelGpt model(world(), sizes, block_init, gathered);
    SequenceParallelGpt::Kept kept;
    const Ledger start = ledger();
    losses_of(model, 0, kept);
    model.backward(0.125f, kept);
    const Ledger since = ledger().since(start);
    const int64_t of_a_block = gathered == Gathered::again ? 6 : 4;
    // the embedding's sum and back, the logits' input and back
    CHECK(since.calls(Collective::all_gather) == sizes.layers * of_a_block + 2);
    CHECK(since.calls(Collective::reduce_scatter) == sizes.layers * 4 + 2);
    CHECK(since.calls(Collective::all_reduce) == 2);  // of the loss, [rows] each
    CHECK(since.calls(Collective::all_reduce_max) == 1);
    CHECK(bytes_of_calls(since, Collective::reduce_scatter) ==
          since.calls(Collective::reduce_scatter) * rows * width * 4);
  }
}

TEST_CASE("sequence-parallel gpt: fewer rows than ranks") {
  const GptSizes short_sizes{.vocabulary = 13, .context = 1, .width = 24, .heads = 12, .layers = 1};
  Gpt unsplit(alone(), short_sizes, block_init);
  SequenceParallelGpt model(world(), short_sizes, block_init);
  Gpt::Kept kept_unsplit;
  SequenceParallelGpt::Kept kept;
  const Tensor token = indices({5}), target = indices({7});
  const Tensor expected = unsplit.forward(token, target, 1, {}, kept_unsplit);
  CHECK(relative_error(model.forward(token, target, 1, {}, kept), expected) < tolerance);
  unsplit.backward(1.0f, kept_unsplit);
  model.backward(1.0f, kept);
  sum_over_tp(model.parameters());
  check_gradients(model.parameters(), unsplit.parameters());
}

TEST_CASE("sequence-parallel gpt: two passes at once with dropout, weights that come and go") {
  check_passes<SequenceParallelGpt>({
      .make = [] { return std::make_unique<SequenceParallelGpt>(world(), sizes, block_init); },
      .forward = [](const auto& model, int pass,
                    auto& kept) { return losses_of(model, pass, kept); },
      .backward = [](auto& model, int, auto& kept) { return model.backward(0.125f, kept); },
  });
}

TEST_CASE("sequence-parallel gpt: stages hand on a rank's own rows") {
  SequenceParallelGpt whole(world(), sizes, block_init);
  SequenceParallelGpt first(world(), sizes, block_init, {.layers = {0, 1}, .head = false});
  SequenceParallelGpt last(world(), sizes, block_init, {.layers = {1, 2}, .embedding = false});
  SequenceParallelGpt::Kept kept, kept_first, kept_last;
  const Tensor expected = losses_of(whole, 1, kept);
  DropoutMoment moment{0.2f, 9, 4, batch};
  const Tensor x = first.forward(tokens_of("tokens1"), {}, batch, moment, kept_first);
  CHECK(x.rows() == my_part(rows).size());
  moment.rows = RowMap::of_sequences({batch, 2 * batch}, context);
  const Tensor losses = last.forward(x, tokens_of("targets1"), batch, moment, kept_last);
  CHECK(relative_error(losses, expected) < tolerance);
  whole.backward(0.125f, kept);
  first.backward(last.backward(0.125f, kept_last), kept_first);
  check_gradients(first.blocks[0]->parameters(), whole.blocks[0]->parameters());
  check_gradients(last.blocks[0]->parameters(), whole.blocks[1]->parameters());
}

TEST_CASE("sequence parallelism in the trainer: tp × dp, micro-batches and dropout") {
  TrainingSettings settings;
  settings.batch = 7, settings.accumulate = 2, settings.dropout = 0.1, settings.seed = 4;
  settings.warmup = 0, settings.steps = 3, settings.clip = 0.7;
  const auto batch_of = [](Range range) {
    const auto ids = [&](const char* name) {
      std::vector<int32_t> values;
      for (int64_t i = range.begin * sizes.context; i < range.end * sizes.context; ++i)
        values.push_back(static_cast<int32_t>(
            RandomStream{3, stream_of(name)}.below(13, static_cast<uint64_t>(i))));
      return indices(values);
    };
    return Batch{ids("tokens"), ids("targets"), range.size()};
  };
  Grid single(alone(), {{"tp", 1}, {"dp", 1}});
  Gpt unsplit(single.tp(), sizes, block_init);
  Trainer expected_trainer(single, unsplit, settings);
  const int ranks = world().size(), tp = ranks % 2 == 0 ? 2 : ranks;
  Grid grid(world(), {{"tp", tp}, {"dp", ranks / tp}});
  SequenceParallelGpt model(grid.tp(), sizes, block_init);
  Trainer trainer(grid, model, settings);
  for (int64_t step = 0; step < settings.steps; ++step) {
    const Trainer::Step got = trainer.step(step, batch_of),
                        expected = expected_trainer.step(step, batch_of);
    CHECK(got.loss == doctest::Approx(expected.loss).epsilon(1e-5));
    CHECK(got.gradient_norm == doctest::Approx(expected.gradient_norm).epsilon(1e-4));
    CHECK(largest_gradient_error(model.parameters(), unsplit.parameters()) < 1e-3);
  }
}
