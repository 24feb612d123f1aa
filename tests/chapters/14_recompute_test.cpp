// Recomputation: bitwise the same gradients, fewer kept bytes and more FLOPs, by the formulas; one
// collective less than a second forward pass; and as many blocks as do not fit.
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/14_recompute/costs.h"
#include "chapters/14_recompute/memory_plan.h"
#include "chapters/14_recompute/observed.h"
#include "chapters/14_recompute/selective_attention.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using namespace shard::chapter_14;

namespace {

using WrittenOut = BasicBlock<ParallelAttention, ParallelMlp>;
using Selective = BasicBlock<SelectiveAttention, ParallelMlp>;

constexpr int64_t batch = 2, context = 5, width = 24, heads = 12, hidden = 50,
                  tokens = batch * context;
const DropoutMoment with_dropout{.probability = 0.3f, .seed = 9, .pass = 4, .first_sequence = 6};

Tensor rows(const std::string& name) { return tensor(random_matrix(tokens, width, name)); }

BlockWork work_of(const DropoutMoment& moment) {
  return {.batch = batch,
          .context = context,
          .width = width,
          .heads = heads,
          .hidden = hidden,
          .ranks = world().size(),
          .rank = world().rank(),
          .dropout = moment.probability > 0};
}

/// What the passes of a block have computed and cost.
struct Run {
  std::vector<Tensor> results;  // Y, dX, and the gradients of all parameters
  int64_t kept;
  uint64_t forward_flops, backward_flops;
  Ledger forward, backward;
};

template <class Block>
Run run_of(const DropoutMoment& moment, uint64_t other_pass = 0, bool recomputes = true) {
  Block block(world(), "h.0", {.width = width, .heads = heads, .hidden = hidden}, block_init, 0.2f);
  typename Block::Kept kept;
  if constexpr (requires { block.recomputes; }) block.recomputes = recomputes;
  const Ledger before = ledger();
  const uint64_t flops = backend().flops();
  Run run;
  run.results.push_back(block.forward(rows("x"), batch, moment, kept));
  run.forward_flops = backend().flops() - flops;
  run.forward = ledger().since(before);
  run.kept = bytes_of(kept);
  kept.moment.pass += other_pass;
  run.results.push_back(block.backward(rows("dy"), kept));
  run.backward_flops = backend().flops() - flops - run.forward_flops;
  run.backward = ledger().since(before).since(run.forward);
  for (const Tensor& gradient : copied_gradients(block.parameters()))
    run.results.push_back(gradient);
  return run;
}

void check_same_bits(const std::vector<Tensor>& got, const std::vector<Tensor>& expected) {
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("result ", i);
    CHECK(got[i].to_host() == expected[i].to_host());
  }
}

void check_costs(const Run& run, int64_t kept, int64_t forward, int64_t backward) {
  CHECK(run.kept == kept);
  CHECK(run.forward_flops == static_cast<uint64_t>(forward));
  CHECK(run.backward_flops == static_cast<uint64_t>(backward));
}

}  // namespace

TEST_CASE("recompute: the same bits, with and without dropout, written out and fused") {
  for (const DropoutMoment& moment : {DropoutMoment{}, with_dropout}) {
    const std::vector<Tensor> written_out = run_of<WrittenOut>(moment).results;
    check_same_bits(run_of<Selective>(moment).results, written_out);
    check_same_bits(run_of<Recomputed<WrittenOut>>(moment).results, written_out);
    check_same_bits(run_of<Recomputed<Selective>>(moment).results, written_out);
    const std::vector<Tensor> fused = run_of<TransformerBlock>(moment).results;
    check_same_bits(run_of<Recomputed<TransformerBlock>>(moment).results, fused);
    check_same_bits(run_of<Recomputed<TransformerBlock>>(moment, 0, false).results, fused);
  }
}

TEST_CASE("recompute: kept bytes and FLOPs are those of the formulas") {
  for (const DropoutMoment& moment : {DropoutMoment{}, with_dropout}) {
    const BlockWork work = work_of(moment);
    const int64_t forward = forward_flops(work), again = recomputation_flops(work),
                  input = input_bytes(work);
    const auto kept = [&](Design design) { return kept_bytes(design, work); };
    const auto backward = [&](Design design) { return backward_flops(design, work); };
    using enum Design;
    check_costs(run_of<WrittenOut>(moment), kept(written_out), forward, backward(written_out));
    check_costs(run_of<Selective>(moment), kept(selective), forward, backward(selective));
    check_costs(run_of<TransformerBlock>(moment), kept(fused), forward, backward(fused));
    check_costs(run_of<Recomputed<WrittenOut>>(moment), input, forward,
                again + backward(written_out));
    check_costs(run_of<Recomputed<TransformerBlock>>(moment), input, forward,
                again + backward(fused));
    check_costs(run_of<Recomputed<TransformerBlock>>(moment, 0, false), kept(fused), forward,
                backward(fused));
  }
}

TEST_CASE("recompute: the second forward pass leaves out the block's last all-reduce") {
  for (const Run& run :
       {run_of<Recomputed<WrittenOut>>({}), run_of<Recomputed<TransformerBlock>>({})}) {
    check_all_reduces(run.forward, 2, 4 * tokens * width);
    check_all_reduces(run.backward, 3, 4 * tokens * width);
  }
  check_all_reduces(run_of<Selective>({}).backward, 2, 4 * tokens * width);
}

TEST_CASE("recompute: with another mask in the second pass, other gradients, and no message") {
  const std::vector<Tensor> right = run_of<TransformerBlock>(with_dropout).results;
  const std::vector<Tensor> wrong = run_of<Recomputed<TransformerBlock>>(with_dropout, 1).results;
  CHECK(wrong[0].to_host() == right[0].to_host());  // Y
  for (size_t i = 1; i + 1 < right.size(); ++i)     // the last gradient is Σ dY under a mask
    CHECK(reference::relative_error(wrong[i], right[i]) > 0.01);
  // they are those of that mask
  DropoutMoment other = with_dropout;
  ++other.pass;
  const std::vector<Tensor> of_other = run_of<TransformerBlock>(other).results;
  check_same_bits({wrong.begin() + 1, wrong.end()}, {of_other.begin() + 1, of_other.end()});
  // without dropout nothing tells
  check_same_bits(run_of<Recomputed<TransformerBlock>>({}, 1).results,
                  run_of<TransformerBlock>({}).results);
}

TEST_CASE("recompute: two passes at once, and weights that come and go") {
  check_passes<Recomputed<TransformerBlock>>({
      .make =
          [] {
            return std::make_unique<Recomputed<TransformerBlock>>(
                world(), "h.0", BlockSizes{.width = width, .heads = heads, .hidden = hidden},
                block_init, 0.2f);
          },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            const DropoutMoment moment{0.3f, 9, 4, batch * pass};
            return layer.forward(rows(text("x", pass)), batch, moment, kept);
          },
      .backward = [](auto& layer, int pass,
                     auto& kept) { return layer.backward(rows(text("dy", pass)), kept); },
  });
}

TEST_CASE("recompute: gradients add up over backward passes") {
  Recomputed<TransformerBlock> block(
      world(), "h.0", {.width = width, .heads = heads, .hidden = hidden}, block_init, 0.2f);
  const auto pass = [&](const std::string& name) {
    Recomputed<TransformerBlock>::Kept kept;
    block.forward(rows("x" + name), batch, with_dropout, kept);
    block.backward(rows("dy" + name), kept);
  };
  check_accumulation(
      block.parameters(), [&] { pass("1"); }, [&] { pass("2"); });
}

// ---- A whole model ------------------------------------------------------------------------------

namespace {

constexpr GptSizes sizes{.vocabulary = 17, .context = 6, .width = 24, .heads = 12, .layers = 4};

Tensor ids(const std::string& name) {
  std::vector<int32_t> values;
  for (int64_t i = 0; i < batch * sizes.context; ++i)
    values.push_back(static_cast<int32_t>(RandomStream{1, stream_of(name)}.below(17, i)));
  return indices(values);
}

ModelBytes bytes_of_model() {
  const int64_t all = batch * sizes.context,
                columns = vocabulary_part(sizes.vocabulary, world()).size();
  BlockWork work = work_of(with_dropout);
  work.context = sizes.context;
  work.hidden = 4 * sizes.width;
  return {.layers = sizes.layers,
          .block = kept_bytes(Design::fused, work),
          .input = input_bytes(work),
          .begin = 4 * all * 2,                                   // tokens and positions
          .end = 4 * all * (2 * sizes.width + 2 + columns + 3)};  // last norm, logits, loss
}

std::vector<int64_t> recompute_first(int64_t number, std::vector<Tensor>& gradients) {
  ObservedGpt model(world(), sizes, block_init);
  for (int64_t i = 0; i < sizes.layers; ++i)
    model.blocks[static_cast<size_t>(i)]->recomputes = i < number;
  const std::vector<int64_t> kept =
      kept_over_time(model, ids("tokens"), ids("targets"), batch, with_dropout);
  gradients = copied_gradients(model.parameters());
  return kept;
}

}  // namespace

TEST_CASE("memory plan: what is kept at any moment is at most what it says, for any number") {
  std::vector<Tensor> expected, gradients;
  Gpt plain(world(), sizes, block_init);
  Gpt::Kept kept_plain;
  plain.forward(ids("tokens"), ids("targets"), batch, with_dropout, kept_plain);
  plain.backward(1.0f, kept_plain);
  expected = copied_gradients(plain.parameters());
  for (int64_t recomputed = 0; recomputed <= sizes.layers; ++recomputed) {
    INFO(recomputed, " blocks recomputed");
    const std::vector<int64_t> kept = recompute_first(recomputed, gradients);
    CHECK(std::ssize(kept) == 2 * sizes.layers + 1);
    CHECK(*std::max_element(kept.begin(), kept.end()) == most_kept(bytes_of_model(), recomputed));
    check_same_bits(gradients, expected);
  }
}

TEST_CASE("recompute: a training takes the same steps, and ends with the same weights") {
  Grid grid(world(), {{"tp", world().size()}, {"dp", 1}});
  const TrainingSettings settings{.batch = batch, .dropout = 0.2, .seed = 3};
  const auto weights_after = [&](LanguageModel& model) {
    Trainer trainer(grid, model, settings);
    for (int64_t step = 0; step < 3; ++step) {
      trainer.step(step, [&](Range) {
        return Batch{ids(text("tokens", step)), ids(text("targets", step)), batch};
      });
    }
    std::vector<Tensor> weights;
    for (const Parameter* parameter : model.parameters()) weights.push_back(parameter->value);
    return weights;
  };
  Gpt plain(grid.tp(), sizes, block_init);
  BasicGpt<Recomputed<TransformerBlock>> recomputed(grid.tp(), sizes, block_init);
  check_same_bits(weights_after(recomputed), weights_after(plain));
}

TEST_CASE("memory plan: the fewest blocks that fit, to the byte") {
  const ModelBytes bytes{.layers = 5, .block = 100, .input = 10, .begin = 3, .end = 7};
  CHECK(most_kept(bytes, 0) == 510);
  CHECK(most_kept(bytes, 2) == 330);
  CHECK(most_kept(bytes, 4) == 150);
  CHECK(most_kept(bytes, 5) == 143);  // while the last is computed again
  CHECK(fewest_recomputed(bytes, 1000) == 0);
  CHECK(fewest_recomputed(bytes, 510) == 0);
  CHECK(fewest_recomputed(bytes, 509) == 1);
  CHECK(fewest_recomputed(bytes, 330) == 2);
  CHECK(fewest_recomputed(bytes, 329) == 3);
  CHECK(fewest_recomputed(bytes, 149) == 5);
  CHECK(fewest_recomputed(bytes, 143) == 5);
  CHECK(message_of<UsageError>([&] { fewest_recomputed(bytes, 142); }) ==
        "--memory allows 142 bytes, but with all 5 blocks recomputed a step still keeps 143 at one "
        "moment");
  // where nothing follows the blocks, recomputing the last one saves nothing
  const ModelBytes stage{.layers = 3, .block = 100, .input = 10};
  CHECK(most_kept(stage, 3) == most_kept(stage, 2));
}
