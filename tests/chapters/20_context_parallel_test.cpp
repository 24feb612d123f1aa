// ContextAttention: attention over sequences that are cut among ranks is attention over whole ones,
// forward and backward, and sends what the formulas say. Then a block and a GPT of it.
#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"
#include "chapters/10_tensor_and_data_parallel/self_checks.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/13_sequence_parallel/batches.h"
#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "chapters/14_recompute/recomputed.h"
#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "chapters/16_fully_sharded/fully_sharded_step.h"
#include "chapters/20_context_parallel/context_parallel_gpt.h"
#include "chapters/20_context_parallel/gathered_attention.h"
#include "chapters/20_context_parallel/ring_attention.h"
#include "chapters/20_context_parallel/ulysses_attention.h"
#include "chapters/22_the_whole_grid/recomputed_rows.h"
#include "common/comm/data_ranks.h"
#include "common/comm/forwarding_group.h"
#include "common/comm/partial_gradients.h"
#include "tests/chapters/block_support.h"

using namespace shard;
using reference::relative_error;

namespace {

constexpr CutKind kinds[] = {CutKind::contiguous, CutKind::zigzag};

/// Each way of attention, over these ranks.
std::vector<std::shared_ptr<const ContextAttention>> ways(Communicator& group) {
  std::vector<std::shared_ptr<const ContextAttention>> all;
  for (const CutKind kind : kinds) {
    all.push_back(std::make_shared<RingAttention>(group, kind));
    all.push_back(std::make_shared<UlyssesAttention>(group, kind));
    all.push_back(std::make_shared<GatheredAttention>(group, kind));
  }
  return all;
}

/// The rows of x [batch·context × columns] that the map names.
Tensor rows_of(const Tensor& x, const RowMap& rows) {
  std::vector<int32_t> ids;
  for (const Range& range : rows.ranges())
    for (int64_t row = range.begin; row < range.end; ++row)
      ids.push_back(static_cast<int32_t>(row));
  return gather_rows(x, indices(ids), 0);
}

constexpr int64_t heads = 12, head_width = 3, width = heads * head_width;

CutSequences sequences_of(int64_t batch, int64_t context, float probability) {
  return {.batch = batch,
          .context = context,
          .heads = heads,
          .dropout = {.probability = probability,
                      .random = {5, 7},
                      .first_sequence = 2,
                      .first_head = 0,
                      .heads = heads,
                      .all_heads = heads,
                      .context = context}};
}

/// Chapter 06's operation on whole sequences: [rows × width], and the gradient of qkv.
struct Whole {
  Tensor qkv, dout, dqkv;
  AttentionResult result;

  explicit Whole(const CutSequences& s)
      : qkv(tensor(random_matrix(s.batch * s.context, 3 * width, text("qkv", s.context)))),
        dout(tensor(random_matrix(s.batch * s.context, width, text("dout", s.context)))),
        dqkv(backend(), qkv.shape()) {
    const auto heads_at = [&](const Tensor& x, int64_t number) {
      return heads_in_columns(x, number * width, s.batch, heads, head_width);
    };
    const AttentionSettings settings{.scale = 1.0f / std::sqrt(static_cast<float>(head_width)),
                                     .dropout = s.dropout};
    result = attention(heads_at(qkv, 0), heads_at(qkv, 1), heads_at(qkv, 2), settings);
    attention_backward(heads_at(dqkv, 0), heads_at(dqkv, 1), heads_at(dqkv, 2), heads_at(dout, 0),
                       heads_at(qkv, 0), heads_at(qkv, 1), heads_at(qkv, 2), result, settings);
  }
};

struct Sizes {
  int64_t batch, context;
};

}  // namespace

TEST_CASE("sequence cut: every token once, for contexts that no number of chunks divides") {
  for (const CutKind kind : kinds) {
    for (int ranks = 1; ranks <= 5; ++ranks) {
      const SequenceCut cut(kind, ranks);
      for (int64_t context = ranks; context < 30; ++context) {
        std::vector<int> owners(static_cast<size_t>(2 * context), 0);
        int64_t entries = 0;
        for (int rank = 0; rank < ranks; ++rank) {
          const RowMap rows = cut.rows({1, 3}, context, rank);
          CHECK(rows.rows() == 2 * cut.tokens(context, rank));
          CHECK(cut.tokens(context, rank) > 0);
          for (const Range& range : rows.ranges())
            for (int64_t row = range.begin; row < range.end; ++row)
              ++owners[static_cast<size_t>(row - context)];
          for (int owner = 0; owner < ranks; ++owner) entries += cut.entries(context, rank, owner);
        }
        CHECK(std::ranges::count(owners, 1) == 2 * context);
        CHECK(entries == context * (context + 1) / 2);
      }
    }
  }
}

TEST_CASE("sequence cut: zigzag gives all ranks the same work in every step after the first") {
  for (int ranks = 2; ranks <= 6; ++ranks) {
    const SequenceCut cut(CutKind::zigzag, ranks);
    const int64_t chunk = 5, context = 2 * ranks * chunk;
    for (int rank = 0; rank < ranks; ++rank)
      for (int owner = 0; owner < ranks; ++owner)
        CHECK(cut.entries(context, rank, owner) ==
              (owner == rank ? 2 * chunk * chunk + chunk : 2 * chunk * chunk));
  }
}

TEST_CASE("sequence cut: fewer tokens than ranks are refused") {
  CHECK(message_of<UsageError>([] {
          SequenceCut(CutKind::zigzag, 4).rows({0, 1}, 3, 0);
        }) ==
        "a sequence of 3 tokens cannot be cut among 4 context-parallel ranks: each needs a token");
}

TEST_CASE("context attention: output, dQ, dK and dV of whole sequences, each way, each cut") {
  const int c = world().size();
  for (const auto& [batch, context] :
       {Sizes{2, 24}, Sizes{3, 17}, Sizes{1, c + 1}, Sizes{2, 2 * c + 1}, Sizes{1, 61}}) {
    for (const float probability : {0.0f, 0.3f}) {
      const CutSequences s = sequences_of(batch, context, probability);
      const Whole whole(s);
      for (const auto& way : ways(world())) {
        INFO(way->name(), ", ", to_string(way->cut().kind), ", ", batch, " × ", context);
        const RowMap rows = way->cut().rows({0, batch}, context, world().rank());
        ContextAttention::Kept kept;
        const Tensor out = way->forward(rows_of(whole.qkv, rows), s, kept);
        const Tensor dqkv = way->backward(rows_of(whole.dout, rows), s, kept);
        CHECK(relative_error(out, rows_of(whole.result.output, rows)) < 1e-6);
        const Tensor expected = rows_of(whole.dqkv, rows);
        for (int64_t matrix = 0; matrix < 3; ++matrix) {
          const Range columns{matrix * width, (matrix + 1) * width};
          // of few keys: dS = P ∘ (dP - D) is a difference of nearly equal numbers
          CHECK(relative_error(columns_of(dqkv, columns), columns_of(expected, columns)) <
                (context < 8 ? 1e-5 : 1e-6));
        }
      }
    }
  }
}

TEST_CASE("ring attention: hops forward and backward, each with a label that says which") {
  class Labelled : public ForwardingGroup {
   public:
    using ForwardingGroup::ForwardingGroup;
    std::vector<std::string> sent;

   protected:
    Started move_messages(std::span<const Message> messages, std::span<const Call> calls) override {
      for (const Message& message : messages)
        if (message.is_sent) sent.emplace_back(message.label.words());
      return ForwardingGroup::move_messages(messages, calls);
    }
  };
  Labelled group(world());
  const RingAttention ring(group, CutKind::zigzag);
  const CutSequences s = sequences_of(2, 24, 0);
  const Whole whole(s);
  const RowMap rows = ring.cut().rows({0, 2}, 24, world().rank());
  ContextAttention::Kept kept;
  ring.forward(rows_of(whole.qkv, rows), s, kept);
  std::vector<std::string> expected;
  const int c = world().size();
  for (int hop = 1; hop < c; ++hop) expected.push_back(text("k, v: hop ", hop, "/", c - 1));
  CHECK(group.sent == expected);
  ring.backward(rows_of(whole.dout, rows), s, kept);
  for (int hop = 1; hop <= c && c > 1; ++hop) {
    if (hop < c) expected.push_back(text("k, v: hop ", hop, "/", c - 1));
    expected.push_back(text("dk, dv: hop ", hop, "/", c));
  }
  CHECK(group.sent == expected);
}

TEST_CASE("Ulysses: heads that the ranks cannot share out are refused, with both numbers") {
  if (world().size() == 1) return;
  const auto way = std::make_shared<UlyssesAttention>(world(), CutKind::contiguous);
  CHECK(message_of<UsageError>([&] {
          ContextParallelAttention(alone(), "attn", 21, 7, block_init, 0.2f, way);
        }) == text("Ulysses: 7 heads of a tensor-parallel rank cannot be divided evenly among ",
                   world().size(), " context-parallel ranks"));
}

// ---- The model ----------------------------------------------------------------------------------

namespace {

constexpr GptSizes sizes{.vocabulary = 13, .context = 19, .width = 24, .heads = 12, .layers = 2};

/// Sequences of which some tokens have no target.
Batch batch_of(Range range) {
  Batch batch = chapter_13::random_batch(backend(), sizes, 3, 0, range);
  std::vector<int32_t> targets = batch.targets.to_host_int();
  for (size_t i = 0; i < targets.size(); ++i)
    if (i % 19 < 7 || i % 5 == 0) targets[i] = no_target;
  batch.targets.assign(targets);
  return batch;
}

constexpr DropoutMoment moment{.probability = 0.2f, .seed = 9, .pass = 4, .first_sequence = 3};

/// The whole model's gradients of sequences 3 to 6.
std::unique_ptr<Gpt> unsplit_model(Tensor& losses) {
  auto model = std::make_unique<Gpt>(alone(), sizes, block_init);
  losses = model->forward_backward(batch_of({3, 6}), moment, 0.125f);
  return model;
}

/// Gradients after the sums that parameters still lack, on this grid.
template <class Model>
void check_sums(Grid& grid, Model& model, const Parameters& unsplit) {
  PartialGradients(grid, model.parameters()).sum();
  check_gradients(model.parameters(), unsplit);
}

}  // namespace

TEST_CASE("context-parallel gpt: losses, gradients and logits of chapter 10's, each way") {
  Tensor expected;
  const auto unsplit = unsplit_model(expected);
  Grid grid(world(), {{"cp", world().size()}});
  for (const auto& way : ways(grid.group({"cp"}))) {
    INFO(way->name(), ", ", to_string(way->cut().kind));
    ContextParallelGpt model(alone(), way, sizes, block_init);
    const Tensor own = model.forward_backward(batch_of({3, 6}), moment, 0.125f);
    CHECK(relative_error(of_all_ranks(*way, own, 3, sizes.context), expected) < tolerance);
    check_sums(grid, model, unsplit->parameters());
    CHECK(relative_error(model.losses(batch_of({0, 2})), unsplit->losses(batch_of({0, 2}))) <
          tolerance);
    for (const int64_t tokens : {1, 2, 3, 11}) {
      const Tensor some = batch_of({0, 1}).tokens.slice({0, tokens});
      CHECK(relative_error(model.logits(some), unsplit->logits(some)) < tolerance);
    }
  }
  const CutBatch cut =
      cut_batch({CutKind::zigzag, world().size()}, world().rank(), batch_of({3, 6}), {3, 6});
  int64_t with_loss = 0;
  for (const int32_t target : batch_of({3, 6}).targets.to_host_int()) with_loss += target >= 0;
  CHECK(tokens_with_loss(world(), cut.batch) == with_loss);
}

TEST_CASE("context-parallel gpt: with tensor and sequence parallelism, and recomputed") {
  const int ranks = world().size(), tp = ranks % 2 == 0 ? 2 : 1;
  Grid grid(world(), {{"tp", tp}, {"cp", ranks / tp}});
  Tensor expected;
  const auto unsplit = unsplit_model(expected);
  const auto way = std::make_shared<RingAttention>(grid.group({"cp"}), CutKind::zigzag);
  const GptStage all{.layers = {0, sizes.layers}};
  const auto check = [&](auto&& model) {
    const Tensor own = model.forward_backward(batch_of({3, 6}), moment, 0.125f);
    CHECK(relative_error(of_all_ranks(*way, own, 3, sizes.context), expected) < tolerance);
    check_sums(grid, model, unsplit->parameters());
  };
  check(ContextParallelGpt(grid.tp(), way, sizes, block_init));

  using Rows = Recomputed<SequenceParallelBlock<ContextParallelAttention, FusedMlp>>;
  const auto make = [&](const std::string& name, float projection) {
    return std::make_unique<Rows>(
        grid.tp(), name, sizes.width, block_init,
        [&](const std::string& place) {
          return SequenceParallel<ContextParallelAttention>(Gathered::again, grid.tp(), place,
                                                            sizes.width, sizes.heads, block_init,
                                                            projection, way);
        },
        [&](const std::string& place) {
          return SequenceParallel<FusedMlp>(Gathered::again, grid.tp(), place, sizes.width,
                                            4 * sizes.width, block_init, projection);
        });
  };
  for (const bool recomputes : {false, true}) {
    ContextParallel<BasicGpt<Rows>> model(way, grid.tp(), sizes, block_init, all, make,
                                          std::make_shared<const CutRows>(grid.tp()));
    for (const auto& block : model.blocks) block->recomputes = recomputes;
    check(model);
  }
  using Again = Recomputed<ContextParallelBlock>;
  check(ContextParallel<BasicGpt<Again>>(
      way, grid.tp(), sizes, block_init, all, [&](const std::string& name, float projection) {
        return std::make_unique<Again>(
            grid.tp(), name, sizes.width, block_init,
            [&](const std::string& place) {
              return ContextParallelAttention(grid.tp(), place, sizes.width, sizes.heads,
                                              block_init, projection, way);
            },
            [&](const std::string& place) {
              return FusedMlp(grid.tp(), place, sizes.width, 4 * sizes.width, block_init,
                              projection);
            });
      }));
}

TEST_CASE("context parallelism in the trainer: cp × dp, each optimizer, micro-batches, dropout") {
  TrainingSettings settings;
  settings.batch = 7, settings.accumulate = 2, settings.dropout = 0.1, settings.seed = 4;
  settings.warmup = 0, settings.steps = 2, settings.clip = 0.7;
  const auto batch = [](int64_t step) {
    return
        [step](Range range) { return chapter_13::random_batch(backend(), sizes, 3, step, range); };
  };
  const int ranks = world().size(), dp = ranks == 4 ? 2 : 1;
  Grid grid(world(), {{"cp", ranks / dp}, {"dp", dp}}), single(alone(), {});
  Gpt unsplit(single.tp(), sizes, block_init);
  Trainer expected(single, unsplit, settings);
  std::vector<Trainer::Step> right;
  for (int64_t step = 0; step < settings.steps; ++step)
    right.push_back(expected.step(step, batch(step)));
  using Parts = std::function<StepParts(LanguageModel&)>;
  for (const Parts& parts :
       {Parts([&](LanguageModel& model) { return parts_of_step(grid, model, settings); }),
        Parts([&](LanguageModel& model) {
          return sharded_parts_of_step(grid, model, settings, Sharding::moments);
        }),
        Parts([&](LanguageModel& model) {
          return sharded_parts_of_step(grid, model, settings, Sharding::gradients);
        }),
        Parts([&](LanguageModel& model) {
          return fully_sharded_step(grid, model, settings).parts;
        })}) {
    const auto way = std::make_shared<RingAttention>(grid.group({"cp"}), CutKind::zigzag);
    ContextParallelGpt model(grid.tp(), way, sizes, block_init);
    Trainer trainer(grid.data(), parts(model), settings);
    for (int64_t step = 0; step < settings.steps; ++step) {
      const Trainer::Step got = trainer.step(step, batch(step));
      CHECK(got.loss == doctest::Approx(right[static_cast<size_t>(step)].loss).epsilon(1e-5));
      CHECK(got.gradient_norm ==
            doctest::Approx(right[static_cast<size_t>(step)].gradient_norm).epsilon(1e-4));
    }
    const auto last =
        chapter_10::largest_error_of_sums(grid, trainer.reduction(), unsplit.parameters());
    INFO(last.parameter);
    CHECK(last.error < 1e-3);
  }
}

TEST_CASE("data ranks: a parameter partial over dp and not over cp is refused") {
  if (world().size() != 4) return;
  Grid grid(world(), {{"cp", 2}, {"dp", 2}});
  Parameter parameter(backend(), "x", Shard::all({3}), 0, 1.0f);
  CHECK(message_of([&] { data_ranks_of(grid, parameter); }) ==
        "x is partial over dp but not over cp, and both are reduced together");
}
