// What the checks of this chapter's program share: the layer twice, and what it must compute, in
// double precision.
#pragma once
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "common/check/finite_differences.h"
#include "common/program/runtime.h"

namespace shard::chapter_06 {

using reference::Matrix;

struct Sizes {
  int64_t batch = 4, context = 9, heads = 12, width = 60;
  int64_t tokens() const { return batch * context; }
};

/// The layer, split over all ranks and unsplit on each, with the same numbers.
struct Trial {
  Sizes sizes;
  Tensor x, dy;  // [tokens × width]
  Init init;
  static constexpr float projection = 0.3f;
  std::unique_ptr<Communicator> alone;
  ParallelAttention split, unsplit;
  Points points;  // all that Y depends on: X, then the unsplit layer's parameters

  Trial(Runtime& runtime, Sizes s, const Init& the_init)
      : sizes(s),
        x(reference::to_tensor(runtime.backend(),
                               reference::random_matrix(s.tokens(), s.width,
                                                        {the_init.seed, stream_of("x")}))),
        dy(reference::to_tensor(runtime.backend(),
                                reference::random_matrix(s.tokens(), s.width,
                                                         {the_init.seed, stream_of("dy")}))),
        init(the_init),
        alone(runtime.alone()),
        split(runtime.world(), "attn", s.width, s.heads, init, projection),
        unsplit(*alone, "attn", s.width, s.heads, init, projection) {
    points.emplace_back(x);
    for (const Parameter* parameter : unsplit.parameters()) points.emplace_back(parameter->value);
  }

  /// Y in double precision, at p = {X, A, its bias, B, its bias}. Dropout does not depend on ranks:
  /// only on a probability's index among those of all sequences and heads.
  Matrix expected(const Points& p, const AttentionDropout& dropout) const {
    const reference::Mask keep = [&](int64_t matrix, int64_t row, int64_t column) {
      const int64_t index = (matrix * sizes.context + row) * sizes.context + column;
      const bool drop = dropout.random.uniform(static_cast<uint64_t>(index)) < dropout.probability;
      return drop ? 0.0 : 1.0 / (1.0 - double{dropout.probability});
    };
    const Matrix heads = reference::attention(
        reference::add_bias(reference::matmul(p[0], p[1]), p[2]), sizes.batch, sizes.heads, keep);
    return reference::add_bias(reference::matmul(heads, p[3]), p[4]);
  }
};

}  // namespace shard::chapter_06
