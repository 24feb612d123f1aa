// The planner's counts beside small models in training on real ranks, in many layouts: what a step
// communicates, keeps and computes, and what a rank holds. Equal, not near.
// Ranks: 1 2 3 4. CPU only.
#include <map>

#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/16_fully_sharded/fully_sharded.h"
#include "chapters/18_pipeline/pipeline.h"
#include "chapters/19_interleaved_pipeline/split_backward.h"
#include "chapters/21_experts/expert_gpt.h"
#include "chapters/22_the_whole_grid/grid_model.h"
#include "chapters/22_the_whole_grid/grid_recipe.h"
#include "chapters/22_the_whole_grid/recomputed_rows.h"
#include "chapters/23_planner/counting.h"
#include "chapters/23_planner/kept.h"
#include "chapters/23_planner/state.h"
#include "chapters/23_planner/traffic.h"
#include "tests/test_support.h"

using namespace shard;
using namespace shard::chapter_23;

namespace {

// 13 words, which 2, 3 and 4 ranks do not divide; neither do they divide the 7 tokens
const ModelShape dense{
    .name = "small", .layers = 5, .width = 24, .heads = 12, .context = 7, .vocabulary = 13};

ModelShape with_experts(int64_t experts) {
  ModelShape model = dense;
  model.experts = experts;
  return model;
}

chapter_22::Switches switches_of(const ModelShape& model, const Layout& layout) {
  return {.sequence_parallel = layout.sequence_parallel,
          .recompute = layout.recompute,
          .shard_optimizer = layout.shard_optimizer,
          .cp = layout.cp,
          .pp = layout.pp,
          .schedule = layout.schedule,
          .chunks = layout.chunks,
          .experts = model.experts,
          .top_k = model.top_k,
          .ep = layout.ep};
}

TrainingSettings settings_of(const Layout& layout, int64_t micro_batches) {
  TrainingSettings settings;
  settings.accumulate = micro_batches;
  settings.batch = layout.dp * micro_batches * layout.micro_batch;
  settings.dropout = 0.1;
  settings.seed = 77;
  return settings;
}

TextData some_data(const ModelShape& model) {
  std::vector<int32_t> all;
  for (uint64_t i = 0; i < 600; ++i)
    all.push_back(
        static_cast<int32_t>(RandomStream{1, 2}.below(static_cast<uint32_t>(model.vocabulary), i)));
  return {all, 0.2, model.context};
}

/// A model in training on all ranks, as chapter 22's program makes it.
struct Training {
  ModelShape shape;
  Layout layout;
  TrainingSettings settings;
  TextData data;
  Recipe recipe;
  std::unique_ptr<Grid> grid;
  int64_t before = backend().bytes_in_use();
  std::unique_ptr<LanguageModel> model;
  Pipeline* pipeline = nullptr;  // of several stages
  std::unique_ptr<Trainer> trainer;
  int64_t held = 0;       // bytes, before the first step
  int64_t most_kept = 0;  // after any pass of a pipeline's last step

  Training(const ModelShape& the_shape, const Layout& the_layout, int64_t micro_batches)
      : shape(the_shape),
        layout(the_layout),
        settings(settings_of(the_layout, micro_batches)),
        data(some_data(the_shape)),
        recipe(recipe_of(switches_of(the_shape, the_layout), settings)),
        grid(recipe.grid(world(), static_cast<int>(layout.tp), static_cast<int>(layout.dp))),
        model(recipe.model(*grid, sizes(), {77, 0.2f, 0.1f})) {
    StepParts parts = recipe.parts(*grid, *model, settings);
    pipeline = dynamic_cast<Pipeline*>(parts.passes.get());
    if (pipeline != nullptr) pipeline->after_step = [this](const Step&) { note_kept(); };
    trainer = std::make_unique<Trainer>(grid->data(), std::move(parts), settings);
    held = backend().bytes_in_use() - before;
  }

  GptSizes sizes() const {
    return {shape.vocabulary, shape.context, shape.width, shape.heads, shape.layers};
  }
  void note_kept() {
    const auto& stages = dynamic_cast<const PipelinedModel&>(*model);
    int64_t bytes = 0;
    for (int chunk = 0; chunk < stages.chunks(); ++chunk) bytes += stages.part(chunk).bytes_kept();
    most_kept = std::max(most_kept, bytes);
  }
  void step() {
    trainer->step(0, [&](Range range) {
      return chapter_10::training_batch(backend(), data, settings.seed, 0, range);
    });
  }
  Batch micro_batch() const {
    return chapter_10::training_batch(backend(), data, settings.seed, 0, {0, layout.micro_batch});
  }
};

template <class Block>
std::optional<int64_t> kept_by(const Training& training, const Batch& batch,
                               const DropoutMoment& moment) {
  const auto* gpt = dynamic_cast<const BasicGpt<Recomputed<Block>>*>(training.model.get());
  if (gpt == nullptr) return std::nullopt;
  typename BasicGpt<Recomputed<Block>>::Kept kept;
  gpt->forward(batch.tokens, batch.targets, batch.sequences, moment, kept);
  return bytes_of(kept);
}

/// Of one micro-batch in a model of one stage, from one more forward pass.
int64_t kept_by_one_stage(Training& training) {
  const Batch batch = training.micro_batch();
  DropoutMoment moment{.probability = 0.1f, .seed = 77};
  if (const auto bytes = kept_by<TransformerBlock>(training, batch, moment)) return *bytes;
  if (const auto bytes =
          kept_by<SequenceParallelBlock<FusedAttention, FusedMlp>>(training, batch, moment))
    return *bytes;
  if (const auto bytes = kept_by<ExpertBlock>(training, batch, moment)) return *bytes;
  PipelinePart& part = dynamic_cast<PipelinedModel&>(*training.model).part(0);
  moment.rows = RowMap::of_sequences({0, batch.sequences}, training.shape.context);
  part.forward(0, {}, batch, moment);
  return part.bytes_kept();
}

struct Counts {
  int64_t calls = 0, bytes = 0, sent = 0;
  bool operator==(const Counts&) const = default;
};
using CountsByCall = std::map<std::string, Counts>;

/// What goes from rank to rank: "all_reduce on tp".
CountsByCall counts_of(const Ledger& ledger) {
  CountsByCall counts;
  for (const LedgerRow& row : ledger.rows()) {
    if (!row.travels || row.calls == 0) continue;
    Counts& sum = counts[text(row.op, " on ", row.group)];
    sum.calls += row.calls, sum.bytes += row.bytes, sum.sent += row.sent;
  }
  return counts;
}

std::string to_text(const CountsByCall& counts) {
  std::string all;
  for (const auto& [name, one] : counts)
    all +=
        text("\n  ", name, ": ", one.calls, " calls, ", one.bytes, " bytes, ", one.sent, " sent");
  return all;
}

/// The rows of experts depend on the tokens: their bytes are compared in the sum over the ranks.
void check_traffic(const Ledger& got, const Ledger& predicted) {
  CountsByCall counted = counts_of(got), expected = counts_of(predicted);
  for (CountsByCall* counts : {&counted, &expected}) {
    if (!counts->contains("all_to_all on ep")) continue;
    Counts& exchanges = counts->at("all_to_all on ep");
    exchanges.bytes = static_cast<int64_t>(world().sum_of(static_cast<double>(exchanges.bytes)));
    exchanges.sent = 0;
  }
  INFO("counted:", to_text(counted), "\npredicted:", to_text(expected));
  CHECK(counted == expected);
}

/// With several ep ranks in the sum over all ranks, as above.
void check_equal(const RankWork& work, int64_t counted, int64_t predicted) {
  if (work.model.experts > 0 && work.layout.ep > 1) {
    counted = static_cast<int64_t>(world().sum_of(static_cast<double>(counted)));
    predicted = static_cast<int64_t>(world().sum_of(static_cast<double>(predicted)));
  }
  CHECK(counted == predicted);
}

void check_counts(const ModelShape& shape, const Layout& layout, int64_t micro_batches) {
  INFO(to_string(layout), " with ", shape.experts, " experts");
  Training training(shape, layout, micro_batches);
  const RankWork work(shape, layout, training.settings.batch, world().rank());
  const RankState state = state_of(work);
  CHECK(training.held == state.between_steps.total() + state.buffers);

  const Ledger before = ledger();
  const uint64_t flops_before = backend().flops();
  training.step();
  const Ledger of_step = ledger().since(before);
  check_equal(work, static_cast<int64_t>(backend().flops() - flops_before), flops_of_step(work));
  check_traffic(of_step, traffic_of(work));

  if (const auto* sharded = dynamic_cast<const FullySharded*>(&training.trainer->reduction())) {
    CHECK(sharded->peak_weight_bytes() == state.peak_weights);
  }
  // of several micro-batches with experts elsewhere, which are the most depends on their tokens
  if (layout.pp > 1 && layout.ep > 1) return;
  const int64_t kept =
      training.pipeline != nullptr ? training.most_kept : kept_by_one_stage(training);
  check_equal(work, kept, kept_in_step(work).between_passes);
  if (const auto* split = dynamic_cast<const SplitBackward*>(training.pipeline); split != nullptr)
    CHECK(split->most_queued_bytes() == kept_in_step(work).for_weights);
}

/// Those that fit the ranks of this test.
void check_all(const ModelShape& shape, const std::vector<Layout>& layouts) {
  for (const Layout& layout : layouts)
    if (layout.ranks() == world().size()) check_counts(shape, layout, layout.pp == 1 ? 2 : 5);
}

constexpr Recompute full = Recompute::full;

}  // namespace

TEST_CASE("counting: tensor and sequence parallel, with and without recomputation") {
  for (const bool sequence_parallel : {false, true}) {
    for (const Recompute recompute : {Recompute::none, full}) {
      for (const int64_t tp : {1, 2, 3, 4}) {
        if (sequence_parallel && tp == 1) continue;
        check_all(dense, {{.tp = tp,
                           .micro_batch = 3,
                           .sequence_parallel = sequence_parallel,
                           .recompute = recompute}});
      }
    }
  }
}

TEST_CASE("counting: data parallel, with state and weights shared out") {
  for (const int64_t zero : {0, 1, 2, 3}) {
    for (const int64_t dp : {2, 3, 4}) {
      check_all(dense, {{.dp = dp, .micro_batch = 2, .shard_optimizer = zero},
                        {.tp = 2,
                         .dp = 2,
                         .micro_batch = 3,
                         .sequence_parallel = zero % 2 == 1,
                         .recompute = full,
                         .shard_optimizer = zero}});
    }
  }
}

TEST_CASE("counting: gradients in several buckets") {
  ModelShape model = dense;
  model.width = 96, model.layers = 4;  // more than 1 MiB of each kind
  for (const int64_t zero : {0, 1, 2, 3}) {
    for (const int64_t dp : {2, 3})
      check_all(model, {{.dp = dp, .micro_batch = 1, .shard_optimizer = zero}});
  }
  const RankWork one(model, {}, 1, 0);
  CHECK(gradient_buckets(one).size() == 2);
}

TEST_CASE("counting: what blocks keep is what chapter 22 measures on one of them") {
  for (const bool sequence_parallel : {false, true}) {
    const Layout layout{
        .tp = world().size(), .micro_batch = 3, .sequence_parallel = sequence_parallel};
    const RankWork work(dense, layout, 3, world().rank());
    const ModelBytes expected = kept_bytes(work.work_of({.layers = {0, dense.layers}}));
    Training training(dense, layout, 1);
    const ModelBytes measured = chapter_22::bytes_of_model(
        *training.grid, {training.sizes(), {.seed = 77}, switches_of(dense, layout), dense.layers},
        training.micro_batch());
    CHECK(measured.layers == expected.layers);
    CHECK(measured.block == expected.block);
    CHECK(measured.input == expected.input);
    CHECK(measured.again == expected.again);
    CHECK(measured.begin == expected.begin);
    CHECK(measured.end == expected.end);
    Layout recomputed = layout;
    recomputed.recompute = full;
    const KeptBytes kept = kept_in_step(RankWork(dense, recomputed, 3, world().rank()));
    CHECK(kept.at_most == most_kept(measured, dense.layers));
  }
}

TEST_CASE("counting: the closed form has the parameters of the lists, where stages are equal") {
  ModelShape model = dense;
  model.layers = 8, model.vocabulary = 12;
  for (const auto& [tp, pp, chunks] :
       {std::array{1, 1, 1}, {2, 1, 1}, {3, 2, 1}, {4, 4, 1}, {2, 2, 2}}) {
    const Layout layout{.tp = tp, .pp = pp, .chunks = chunks};
    for (int stage = 0; stage < pp; ++stage) {
      const RankWork work(model, layout, 1, tp * stage);
      CHECK(elements_of(work.parameters()) == parameters_of_rank(model, layout, stage));
    }
  }
}

TEST_CASE("counting: context parallel") {
  check_all(dense, {{.cp = 2, .micro_batch = 3},
                    {.cp = 3, .micro_batch = 2, .recompute = full, .shard_optimizer = 2},
                    {.cp = 4, .micro_batch = 1, .shard_optimizer = 1},
                    {.cp = 2, .dp = 2, .micro_batch = 2, .recompute = full, .shard_optimizer = 3},
                    {.tp = 2, .cp = 2, .micro_batch = 3, .sequence_parallel = true},
                    {.tp = 2, .cp = 2, .micro_batch = 3, .recompute = full}});
}

TEST_CASE("counting: stages of a pipeline, in every order of passes") {
  for (const char* schedule : {"gpipe", "1f1b", "zb-h1"}) {
    check_all(dense,
              {{.pp = 2, .micro_batch = 2, .schedule = schedule},
               {.pp = 3, .micro_batch = 3, .recompute = full, .schedule = schedule},
               {.pp = 4, .micro_batch = 1, .schedule = schedule},
               {.tp = 2,
                .pp = 2,
                .micro_batch = 3,
                .sequence_parallel = true,
                .recompute = full,
                .schedule = schedule},
               {.pp = 2, .dp = 2, .micro_batch = 2, .shard_optimizer = 1, .schedule = schedule}});
  }
  check_all(dense, {{.pp = 2, .dp = 2, .micro_batch = 2, .shard_optimizer = 2},
                    {.cp = 2, .pp = 2, .micro_batch = 3, .recompute = full, .shard_optimizer = 2}});
}

TEST_CASE("counting: interleaved stages") {
  for (Layout layout : std::vector<Layout>{{.pp = 2}, {.pp = 3}, {.tp = 2, .pp = 2}}) {
    layout.micro_batch = 2, layout.chunks = 2, layout.schedule = "interleaved";
    check_all(dense, {layout});
    layout.recompute = full, layout.sequence_parallel = layout.tp > 1;
    check_all(dense, {layout});
  }
}

TEST_CASE("counting: experts, on one rank and spread over several") {
  const ModelShape model = with_experts(5);
  check_all(model, {{.micro_batch = 2},
                    {.tp = 2, .micro_batch = 3, .recompute = full},
                    {.dp = 2, .micro_batch = 3},
                    {.dp = 2, .ep = 2, .micro_batch = 2, .shard_optimizer = 1},
                    {.dp = 3, .ep = 3, .micro_batch = 3, .recompute = full},
                    {.tp = 2, .dp = 2, .ep = 2, .micro_batch = 2, .recompute = full},
                    {.cp = 2, .dp = 2, .ep = 2, .micro_batch = 3},
                    {.pp = 2, .dp = 2, .ep = 2, .micro_batch = 2},
                    {.cp = 2, .pp = 2, .micro_batch = 1}});
}
