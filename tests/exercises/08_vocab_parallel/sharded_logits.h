// What the tests of 08.2 and 08.3 share: logits cut over the ranks, targets of which some are
// ignored, and the pieces of the smoothed loss in double precision.
#pragma once
#include <cmath>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "exercises/08_vocab_parallel/2_cross_entropy.h"
#include "tests/exercises/08_vocab_parallel/levels.h"
#include "tests/exercises/support.h"

namespace shard {

struct ShardedLogits {
  int ranks, rank;
  int64_t vocabulary, columns;  // columns of every rank's part, padding included
  Matrix logits;                // [tokens × vocabulary]
  std::vector<int32_t> targets;
  double smoothing;
  double above = 7;  // by this much, the padding is above the level

  ShardedLogits(Examiner& examiner, int64_t words, int64_t tokens, float epsilon)
      : ranks(examiner.world().size()),
        rank(examiner.world().rank()),
        vocabulary(words),
        columns(vocabulary_part(words, ranks, rank).size()),
        logits(examiner.random(tokens, words, "logits", 2)),
        smoothing(epsilon) {
    for (int64_t i = 0; i < tokens; ++i) {
      targets.push_back(static_cast<int32_t>(i % 5 == 2 ? -1 : (7 + 11 * i) % words));
      for (int64_t j = 0; j < words; ++j)
        logits(i, j) = static_cast<float>(logits(i, j) + level(i));
    }
  }

  /// The values in the padding of row i: larger than those of the words.
  double padding(int64_t i) const { return level(i) + above; }

  Range words_of(int of) const {
    const int64_t begin = std::min(of * columns, vocabulary);
    return {begin, std::min((of + 1) * columns, vocabulary)};
  }
  Range mine() const { return words_of(rank); }
  VocabularyPart part() const { return {vocabulary, rank * columns, mine().size()}; }
  int64_t all_padding() const { return ranks * columns - vocabulary; }
  int64_t target(int64_t i) const { return targets[static_cast<size_t>(i)]; }
  int64_t with_target() const {
    int64_t count = 0;
    for (const int32_t word : targets) count += word >= 0;
    return count;
  }

  double max(int64_t i, Range words) const {
    double largest = -INFINITY;
    for (int64_t j = words.begin; j < words.end; ++j) largest = std::max(largest, logits(i, j));
    return largest;
  }
  double max(int64_t i) const { return max(i, {0, vocabulary}); }
  double sum_of_exps(int64_t i, Range words, double shift) const {
    double sum = 0;
    for (int64_t j = words.begin; j < words.end; ++j) sum += std::exp(logits(i, j) - shift);
    return sum;
  }
  double sum_of_exps(int64_t i) const { return sum_of_exps(i, {0, vocabulary}, max(i)); }
  double sum_of_logits(int64_t i, Range words) const {
    double sum = 0;
    for (int64_t j = words.begin; j < words.end; ++j) sum += logits(i, j);
    return sum;
  }
  double sum_of_logits(int64_t i) const { return sum_of_logits(i, {0, vocabulary}); }
};

}  // namespace shard
