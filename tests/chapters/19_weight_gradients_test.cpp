// The backward pass in two halves: with a queue of weight gradients every layer has the same dX,
// and, once the queue has run, the same gradients, to the last bit.
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "chapters/14_recompute/recomputed.h"
#include "common/tensor/weight_gradients.h"
#include "tests/chapters/block_support.h"

using namespace shard;

namespace {

constexpr int64_t context = 5, batch = 2, width = 24, heads = 12, passes = 3;

/// Twice the same layer, one of them with a queue. backward(layer, pass) returns dX.
template <class Layer, class Backward>
void check_two_halves(Layer& now, Layer& later, const Backward& backward) {
  const Parameters expected = now.parameters(), parameters = later.parameters();
  std::vector<int> ready(parameters.size(), 0);
  std::vector<Listener> listeners;
  WeightGradientQueue queue(parameters);
  for (size_t i = 0; i < parameters.size(); ++i)
    listeners.push_back(parameters[i]->on_gradient_ready([&ready, i] { ++ready[i]; }));
  for (int64_t pass = 0; pass < passes; ++pass) {
    const Tensor dx = backward(now, pass);
    queue.begin_pass();
    const Tensor dx_alone = backward(later, pass);
    if (dx) CHECK(dx.to_host() == dx_alone.to_host());
  }
  CHECK(queue.passes() == passes);
  for (size_t i = 0; i < parameters.size(); ++i) {
    INFO("the gradient of ", parameters[i]->name);
    if (!parameters[i]->is_matrix() || parameters[i]->name.starts_with("w")) continue;
    CHECK(ready[i] == 0);
    const std::vector<float> gradient = parameters[i]->gradient.to_host();
    CHECK(gradient == std::vector<float>(gradient.size(), 0.0f));
  }
  for (int64_t pass = 0; pass < passes; ++pass) queue.add_oldest_pass();
  for (size_t i = 0; i < parameters.size(); ++i) {
    INFO("the gradient of ", parameters[i]->name);
    CHECK(ready[i] >= 1);
    if (parameters[i]->is_matrix() && !parameters[i]->name.starts_with("w")) CHECK(ready[i] == 1);
    CHECK(parameters[i]->gradient.to_host() == expected[i]->gradient.to_host());
  }
}

Tensor rows_of(const char* name, int64_t pass, Range rows = {0, batch* context}) {
  return tensor(random_matrix(batch * context, width, text(name, pass))).slice(rows);
}

template <class Block>
void check_block(const RowMap& map, float dropout) {
  const BlockSizes sizes{.width = width, .heads = heads, .hidden = 60};
  Block now(world(), "h.0", sizes, block_init, 0.3f),
      later(world(), "h.0", sizes, block_init, 0.3f);
  const Range rows = map.is_known() ? part_of(batch * context, world().size(), world().rank())
                                    : Range{0, batch * context};
  check_two_halves(now, later, [&](Block& block, int64_t pass) {
    typename Block::Kept kept;
    const DropoutMoment moment{
        .probability = dropout, .seed = 4, .pass = static_cast<uint64_t>(pass), .rows = map};
    block.forward(rows_of("x", pass, rows), batch, moment, kept);
    return block.backward(rows_of("dy", pass, rows), kept);
  });
}

}  // namespace

TEST_CASE("backward in two halves: a transformer block, with and without dropout") {
  for (const float dropout : {0.0f, 0.25f}) check_block<TransformerBlock>({}, dropout);
}

TEST_CASE("backward in two halves: a block that is computed again") {
  check_block<Recomputed<TransformerBlock>>({}, 0.25f);
}

TEST_CASE("backward in two halves: a block with sequence parallelism") {
  const RowMap all = RowMap::of_sequences({0, batch}, context);
  check_block<SequenceParallelGpt::Block>(all.part(world().size(), world().rank()), 0.25f);
}

TEST_CASE("backward in two halves: stages of a model, and the whole model") {
  const GptSizes sizes{
      .vocabulary = 29, .context = context, .width = width, .heads = heads, .layers = 2};
  for (const GptStage& stage :
       {GptStage{.layers = {1, 2}, .embedding = false, .head = true},
        GptStage{.layers = {0, 1}, .embedding = true, .head = false}, GptStage{.layers = {0, 2}}}) {
    CAPTURE(stage.embedding);
    CAPTURE(stage.head);
    Gpt now(world(), sizes, block_init, stage), later(world(), sizes, block_init, stage);
    check_two_halves(now, later, [&](Gpt& gpt, int64_t pass) {
      std::vector<int32_t> ids, next;
      for (int32_t i = 0; i < batch * context; ++i) {
        ids.push_back((i * 11 + static_cast<int32_t>(pass)) % 29);
        next.push_back((i * 7 + static_cast<int32_t>(pass)) % 29);
      }
      Gpt::Kept kept;
      gpt.forward(stage.embedding ? indices(ids) : rows_of("x", pass), indices(next), batch, {},
                  kept);
      return stage.head ? gpt.backward(0.1f, kept) : gpt.backward(rows_of("dy", pass), kept);
    });
  }
}
