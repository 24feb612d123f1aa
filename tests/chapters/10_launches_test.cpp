// How many kernels and products a training step gives to a GPU. They depend on the layers, not on
// their width: this small model has the 12 layers, the types and the operations of GPT-2 124M.
// docs/measurements.md shows the numbers.
// Ranks: 1, 2.
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

constexpr GptSizes sizes{.vocabulary = 50, .context = 16, .width = 64, .heads = 2, .layers = 12};
constexpr int64_t batch = 2, tokens = batch * sizes.context;

TrainingSettings settings() {
  TrainingSettings settings;
  settings.batch = batch;
  settings.precision = Precision::bf16;
  return settings;
}

Batch batch_of(Range sequences) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < sequences.size() * sizes.context; ++i)
    ids.push_back(static_cast<int32_t>(i * 7 % sizes.vocabulary));
  return {indices(ids), indices(ids), sequences.size()};
}

/// GPT-2's model on tensor-parallel ranks, in bf16.
struct Model {
  Grid grid{world(), {{"tp", world().size()}, {"dp", 1}}};
  Gpt gpt{grid.tp(), sizes, {5, 0.02f, 0.0f}};
  Trainer trainer{grid, gpt, settings()};
};

template <class Work>
int64_t launches_of(const Work& work) {
  work();  // the first time takes memory, and zeroes some of it
  const int64_t before = backend().launches();
  work();
  return backend().launches() - before;
}

struct Passes {
  int64_t forward = 0, backward = 0;
  bool operator==(const Passes&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Passes& passes) {
  return out << passes.forward << " forward, " << passes.backward << " backward";
}

/// Of one block, with this dropout.
Passes of_block(TransformerBlock& block, float dropout) {
  TransformerBlock::Kept kept;
  const Tensor x = cast(tensor(random_matrix(tokens, sizes.width, "x")), DataType::bf16);
  return {launches_of([&] { block.forward(x, batch, {.probability = dropout}, kept); }),
          launches_of([&] { block.backward(x, kept); })};
}

/// Of one all-reduce in a block: none by NCCL, nor on one rank. Where it is staged in host memory,
/// MPI adds in f32.
int64_t of_sum() {
  const Tensor x = cast(tensor(random_matrix(tokens, sizes.width, "x")), DataType::bf16);
  return launches_of([&] { world().all_reduce(PartialSum(x)); });
}

bool counts() { return backend().device() == Device::cuda; }

}  // namespace

TEST_CASE("launches: a sum of two tensors is one on a GPU, and none on a CPU") {
  const Tensor x = tensor(random_matrix(3, 5, "x"));
  CHECK(launches_of([&] { add(x, x); }) == (backend().device() == Device::cpu ? 0 : 1));
}

TEST_CASE("launches: at most 26 in a block and step, the same on any number of ranks") {
  if (!counts()) return;
  Model model;
  for (const bool on : {false, true}) {
    const ProductEpilogues set(backend(), on);
    const bool fused = backend().uses_epilogues();
    CAPTURE(fused);
    // Forward: norm; Q, K, V; attention; projection; sum and norm; MLP's first product; GeLU;
    // second product; sum. Backward: MLP's 2 products for dX, and 2 for dW; GeLU's with a bias's
    // gradient; another bias's gradient; norm 2; projection's 2 products; attention 2; 2 products
    // of Q, K, V, and their bias's gradient; norm 2. Epilogues take over GeLU, and leave GeLU again
    // and two additions.
    const int64_t sums = 2 * of_sum();
    const Passes expected{(fused ? 8 : 9) + sums, (fused ? 18 : 17) + sums};
    for (auto& block : model.gpt.blocks) CHECK(of_block(*block, 0.0f) == expected);
    // Dropout: 2 masks a pass, and biases that are no longer part of a residual's sum: forward 2,
    // backward 1.
    CHECK(of_block(*model.gpt.blocks[0], 0.1f) ==
          Passes{expected.forward + 4, expected.backward + 3});
  }
}

TEST_CASE("launches: 312 in the blocks of GPT-2 124M, and 34 beside them") {
  if (!counts()) return;
  Model model;
  const Batch all = batch_of({0, batch});
  Gpt::Kept kept;
  const auto forward = [&] { model.gpt.forward(all.tokens, all.targets, batch, {}, kept); };
  const int64_t of_forward = launches_of(forward);
  const int64_t of_both = launches_of([&] {
    forward();
    model.gpt.backward(1.0f, kept);
  });
  const int64_t of_step = launches_of([&] { model.trainer.step(0, batch_of, 1e-3); });
  const int64_t sums = of_sum(), of_blocks = 12 * (26 + 4 * sums);
  // tokens, positions, and their sum; last norm; logits; the loss: sums of exponentials, rescaled,
  // the targets' logits, the losses
  const int64_t beside_forward = 9 + sums;
  // the logits' gradient, and 2 products with it; last norm 2; rows of positions and tokens, each
  // sorted first
  const int64_t beside_backward = 9 + sums;
  // the sum of the losses: set to zero, and 2; 10_parts_test.cpp names the 13
  // for rank 0; the others count 75 fewer tensors in the norm, those that all ranks hold
  const int64_t of_update = 3 + 13 - (world().rank() > 0 ? 2 : 0);
  CHECK(of_forward == 12 * ((backend().uses_epilogues() ? 8 : 9) + 2 * sums) + beside_forward);
  CHECK(of_both == of_blocks + beside_forward + beside_backward);
  CHECK(of_step == of_blocks + beside_forward + beside_backward + of_update);
}
