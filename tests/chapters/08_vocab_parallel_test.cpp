// The vocabulary cut over the ranks: embedding and loss equal the unsplit ones, whether or not
// ranks divide it.
#include <cmath>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using reference::relative_error;

namespace {

constexpr int64_t vocabularies[] = {
    61, 12, 5, 1};  // 5 over 4 ranks: two each, and nothing is left for the last

std::vector<int32_t> ids_below(int64_t vocabulary, int64_t count, std::string_view name) {
  std::vector<int32_t> ids;
  const RandomStream random{3, stream_of(name)};
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(static_cast<int32_t>(random.below(vocabulary, i)));
  ids.back() = static_cast<int32_t>(vocabulary - 1);
  return ids;
}

Range my_words(int64_t vocabulary) { return vocabulary_part(vocabulary, world()); }

/// This rank's columns of the whole logits; NaN in the padding, which must not be read.
Tensor my_logits(const Matrix& whole) {
  const Range part = my_words(whole.columns);
  std::vector<float> mine;
  for (int64_t i = 0; i < whole.rows; ++i) {
    for (int64_t j = part.begin; j < part.end; ++j)
      mine.push_back(j < whole.columns ? static_cast<float>(whole(i, j)) : NAN);
  }
  return tensor({whole.rows, part.size()}, mine);
}

}  // namespace

TEST_CASE("vocabulary_part: equal parts that cover the vocabulary") {
  for (int64_t vocabulary : vocabularies) {
    for (int ranks : {1, 2, 3, 4}) {
      for (int rank = 0; rank < ranks; ++rank) {
        const Range part = vocabulary_part(vocabulary, ranks, rank);
        CHECK(part.size() == (vocabulary + ranks - 1) / ranks);
        CHECK(part.begin == rank * part.size());
      }
    }
  }
}

TEST_CASE("vocabulary_part: rounded up to a multiple, the least that covers the vocabulary") {
  for (const auto& [vocabulary, ranks, rows] : {std::tuple{50257, 1, 50304},
                                                {50257, 2, 25216},
                                                {50257, 3, 16768},
                                                {50304, 1, 50304},
                                                {50304, 3, 16768},
                                                {61, 1, 128},
                                                {61, 4, 128},
                                                {385, 3, 256}}) {
    for (int rank = 0; rank < ranks; ++rank)
      CHECK(vocabulary_part(vocabulary, ranks, rank, 128) == Range{rank * rows, (rank + 1) * rows});
  }
  const int64_t multiple = world().backend().vocabulary_multiple();
  CHECK(multiple == (world().backend().device() == Device::cuda ? 128 : 1));
  CHECK(my_words(61) == vocabulary_part(61, world().size(), world().rank(), multiple));
}

TEST_CASE("vocab-parallel embedding: forward and backward") {
  for (int64_t vocabulary : vocabularies) {
    INFO("vocabulary ", vocabulary);
    VocabParallelEmbedding split(world(), "wte", vocabulary, 7, block_init),
        unsplit(alone(), "wte", vocabulary, 7, block_init);
    const std::vector<int32_t> ids = ids_below(vocabulary, 13, "ids");
    const Tensor dy = tensor(random_matrix(13, 7, "dy"));
    const Ledger before = ledger();
    VocabParallelEmbedding::Kept kept, kept_unsplit;
    const Tensor y = split.forward(indices(ids), kept);
    check_all_reduces(ledger().since(before), 1, 364);
    split.backward(dy, kept);
    check_all_reduces(ledger().since(before), 1, 364);

    const Matrix table(unsplit.weight.value);
    Matrix rows(13, 7), sums(vocabulary, 7);
    for (int64_t i = 0; i < 13; ++i) {
      for (int64_t j = 0; j < 7; ++j) {
        rows(i, j) = table(ids[i], j);
        sums(ids[i], j) += Matrix(dy)(i, j);
      }
    }
    CHECK(y.to_host() == rows.floats());
    unsplit.forward(indices(ids), kept_unsplit);
    unsplit.backward(dy, kept_unsplit);
    CHECK(relative_error(unsplit.weight.without_padding(unsplit.weight.gradient), sums) <
          tolerance);
    check_gradients({&split.weight}, {&unsplit.weight});
    check_replicated(y);
  }
}

TEST_CASE("vocab-parallel embedding: padding rows are zero and get no gradient") {
  VocabParallelEmbedding split(world(), "wte", 5, 7, block_init);
  VocabParallelEmbedding::Kept kept;
  split.forward(indices(ids_below(5, 13, "ids")), kept);
  split.backward(tensor(random_matrix(13, 7, "dy")), kept);
  const Range part = my_words(5);
  for (const Tensor& x : {split.weight.value, split.weight.gradient}) {
    const Tensor padding =
        x.slice({std::clamp<int64_t>(5 - part.begin, 0, part.size()), part.size()});
    CHECK(padding.to_host() == std::vector<float>(static_cast<size_t>(padding.elements()), 0.0f));
  }
}

TEST_CASE("vocab-parallel embedding: gradients add up over backward passes") {
  const int64_t vocabulary = 12 * world().backend().vocabulary_multiple();
  VocabParallelEmbedding split(world(), "wte", vocabulary, 7, block_init);
  const auto pass = [&](const std::string& name) {
    VocabParallelEmbedding::Kept kept;
    // every rank's rows are met
    split.forward(indices(ids_below(vocabulary, 40, "ids" + name)), kept);
    split.backward(tensor(random_matrix(40, 7, "dy" + name)), kept);
  };
  check_accumulation(
      {&split.weight}, [&] { pass("1"); }, [&] { pass("2"); });
}

TEST_CASE("vocab-parallel loss: forward and backward, NaN in the padding") {
  for (int64_t vocabulary : vocabularies) {
    INFO("vocabulary ", vocabulary);
    const int64_t tokens = 9;
    const Matrix logits = random_matrix(tokens, vocabulary, "logits", 3.0);
    const std::vector<int32_t> targets = ids_below(vocabulary, tokens, "targets");
    VocabParallelCrossEntropy split(world(), vocabulary), unsplit(alone(), vocabulary);
    const Ledger before = ledger();
    VocabParallelCrossEntropy::Kept kept, kept_unsplit;
    const Tensor losses = split.forward(my_logits(logits), indices(targets), kept);
    const Ledger forward = ledger().since(before);
    const Tensor dlogits = split.backward(0.125f, kept);
    CHECK(forward.calls() == 3);
    CHECK(forward.calls(Collective::all_reduce) == 2);
    CHECK(forward.calls(Collective::all_reduce_max) == 1);
    CHECK(forward.bytes() == 3 * tokens * 4);
    CHECK(ledger().since(before).calls() == 3);

    CHECK(reference::largest_difference(losses, reference::cross_entropy(logits, targets)) <
          tolerance);
    unsplit.forward(tensor(logits), indices(targets), kept_unsplit);
    const Tensor whole = unsplit.backward(0.125f, kept_unsplit);
    const Shard shard =
        Shard::of_columns({tokens, vocabulary}, {my_words(vocabulary)});  // zero in the padding
    CHECK(reference::largest_difference(
              dlogits, Matrix(tensor(dlogits.shape(), shard.cut(whole.to_host())))) < 1e-6);
    const auto loss = [&](const Matrix& point) {
      double sum = 0;
      for (double one : reference::cross_entropy(point, targets).values) sum += 0.125 * one;
      return sum;
    };
    if (vocabulary > 1) {
      CHECK(reference::finite_difference_error(loss, logits, whole.to_host(), {1, 2}, 40) <
            difference_tolerance);
    }
    check_replicated(losses);
  }
}

TEST_CASE("vocab-parallel loss: large logits on one rank do not overflow") {
  Matrix logits = random_matrix(4, 12, "logits");
  for (int64_t i = 0; i < 4; ++i) logits(i, 3 * i) += 1e4;
  VocabParallelCrossEntropy split(world(), 12);
  const std::vector<int32_t> targets = {0, 5, 6, 11};
  VocabParallelCrossEntropy::Kept kept;
  const Tensor losses = split.forward(my_logits(logits), indices(targets), kept);
  CHECK(relative_error(losses, reference::cross_entropy(logits, targets)) < tolerance);
}

TEST_CASE(
    "embedding → tied logits → loss: the whole chain against finite differences, over all ranks") {
  const int64_t vocabulary = 11, width = 6, tokens = 8;
  VocabParallelEmbedding split(world(), "wte", vocabulary, width, {3, 0.8f});
  VocabParallelCrossEntropy loss(world(), vocabulary);
  const std::vector<int32_t> ids = ids_below(vocabulary, tokens, "ids"),
                             targets = ids_below(vocabulary, tokens, "targets");
  VocabParallelEmbedding::Kept kept;
  VocabParallelCrossEntropy::Kept kept_by_loss;
  const Tensor x = split.forward(indices(ids), kept);
  loss.forward(matmul(x, transposed(split.weight.value)), indices(targets), kept_by_loss);
  const Tensor dlogits = loss.backward(1.0f, kept_by_loss);
  add_matmul(split.weight.gradient, transposed(dlogits), x);
  split.backward(world().all_reduce(PartialSum(matmul(dlogits, split.weight.value))), kept);

  const Parameter whole(alone().backend(), "wte.weight", Shard::all({vocabulary, width}), 3, 0.8f);
  const auto loss_of = [&](const Matrix& table) {
    Matrix rows(tokens, width);
    for (int64_t i = 0; i < tokens; ++i) {
      for (int64_t j = 0; j < width; ++j) rows(i, j) = table(ids[i], j);
    }
    double sum = 0;
    const Matrix logits = reference::matmul(rows, reference::transpose(table));
    for (double one : reference::cross_entropy(logits, targets).values) sum += one;
    return sum;
  };
  std::vector<float> gradient(static_cast<size_t>(vocabulary * width), 0.0f);
  split.weight.shard.paste(split.weight.gradient.to_host(), gradient);
  const Tensor all = world().all_reduce(PartialSum(tensor({vocabulary * width}, gradient)));
  CHECK(reference::finite_difference_error(loss_of, Matrix(whole.value), all.to_host(), {1, 2},
                                           40) < difference_tolerance);
}

TEST_CASE("vocab-parallel embedding: two passes at once, and weights that come and go") {
  check_passes<VocabParallelEmbedding>({
      .make =
          [] {
            return std::make_unique<VocabParallelEmbedding>(world(), "wte", 61, 7, block_init);
          },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            return layer.forward(indices(ids_below(61, 13, text("ids", pass))), kept);
          },
      .backward =
          [](auto& layer, int pass, auto& kept) {
            layer.backward(tensor(random_matrix(13, 7, text("dy", pass))), kept);
            return Tensor();
          },
  });
}

TEST_CASE("vocab-parallel loss: two passes at once, each with one backward pass") {
  check_passes<VocabParallelCrossEntropy>({
      .make = [] { return std::make_unique<VocabParallelCrossEntropy>(world(), 61); },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            const Matrix logits = random_matrix(13, 61, text("logits", pass), 3.0);
            const std::vector<int32_t> targets = ids_below(61, 13, text("targets", pass));
            return layer.forward(my_logits(logits), indices(targets), kept);
          },
      .backward = [](auto& layer, int, auto& kept) { return layer.backward(0.125f, kept); },
  });
  VocabParallelCrossEntropy loss(world(), 61);
  VocabParallelCrossEntropy::Kept kept;
  loss.forward(my_logits(random_matrix(13, 61, "logits")), indices(ids_below(61, 13, "t")), kept);
  CHECK(bytes_of(kept) == 4 * 13 * (my_words(61).size() + 3));
  loss.backward(1.0f, kept);
  CHECK(bytes_of(kept) == 4 * 13 * 3);  // the logits' memory is the gradient's now
  CHECK(message_of([&] { loss.backward(1.0f, kept); }) ==
        "cross entropy: one forward pass is good for one backward pass");
}
