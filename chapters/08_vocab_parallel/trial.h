// What the checks of this chapter's program share: random words and logits, the same on every rank,
// and the expected loss and its gradient in double precision.
#pragma once
#include <cmath>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/check/reference.h"
#include "common/program/runtime.h"

namespace shard::chapter_08 {

using reference::Matrix;

struct Sizes {
  int64_t vocabulary = 61, width = 40, tokens = 24;
};

struct Trial {
  Runtime& runtime;
  Communicator& world;
  std::unique_ptr<Communicator> alone;
  Sizes sizes;
  Init init;
  RandomStream samples;

  Trial(Runtime& the_runtime, Sizes the_sizes)
      : runtime(the_runtime),
        world(runtime.world()),
        alone(runtime.alone()),
        sizes(the_sizes),
        init{.seed = runtime.options().seed, .weight = 0.3f, .vector = 0.5f},
        samples{init.seed, stream_of("samples")} {}

  /// Numbers of words; each occurs twice.
  std::vector<int32_t> words(const char* name, int64_t vocabulary) const {
    const RandomStream random{init.seed, stream_of(name)};
    std::vector<int32_t> ids;
    for (uint64_t i = 0; i < static_cast<uint64_t>(sizes.tokens); ++i) {
      ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(vocabulary), i / 2)));
    }
    return ids;
  }
  Tensor on_device(const std::vector<int32_t>& ids) const {
    return Tensor::from(runtime.backend(), {std::ssize(ids)}, std::span<const int32_t>(ids));
  }
  Matrix random_logits(int64_t vocabulary) const {
    return reference::random_matrix(sizes.tokens, vocabulary, {init.seed, stream_of("logits")}, 2);
  }
  /// This rank's columns of a matrix [tokens × vocabulary], with `padding` in those that are no
  /// word.
  Tensor cut(const Matrix& whole, float padding = 0) const {
    const Range part = vocabulary_part(whole.columns, world);
    const Shard shard = Shard::of_columns({whole.rows, whole.columns}, {part});
    std::vector<float> values = shard.cut(whole.floats());
    for (int64_t i = 0; i < std::ssize(values); ++i) {
      if (part.begin + i % part.size() >= whole.columns) values[static_cast<size_t>(i)] = padding;
    }
    return Tensor::from(runtime.backend(), shard.local(), std::span<const float>(values));
  }
};

/// Rows ids of the table: [tokens × width].
inline Matrix looked_up(const Matrix& table, const std::vector<int32_t>& ids) {
  Matrix rows(std::ssize(ids), table.columns);
  for (int64_t i = 0; i < rows.rows; ++i) {
    for (int64_t j = 0; j < rows.columns; ++j) rows(i, j) = table(ids[static_cast<size_t>(i)], j);
  }
  return rows;
}

/// Mean of -log softmax(logits)[target].
inline double mean_loss(const Matrix& logits, const std::vector<int32_t>& targets) {
  double sum = 0;
  for (const double loss : cross_entropy(logits, targets).values) sum += loss;
  return sum / static_cast<double>(logits.rows);
}

/// Its gradient in double precision: (softmax - one-hot) / tokens.
inline Matrix mean_loss_gradient(const Matrix& logits, const std::vector<int32_t>& targets) {
  const Matrix losses = cross_entropy(logits, targets);
  Matrix gradient(logits.rows, logits.columns);
  for (int64_t i = 0; i < logits.rows; ++i) {
    const int64_t target = targets[static_cast<size_t>(i)];
    for (int64_t j = 0; j < logits.columns; ++j) {
      const double probability = std::exp(logits(i, j) - logits(i, target) - losses(i, 0));
      gradient(i, j) = (probability - (j == target ? 1 : 0)) / static_cast<double>(logits.rows);
    }
  }
  return gradient;
}

}  // namespace shard::chapter_08
