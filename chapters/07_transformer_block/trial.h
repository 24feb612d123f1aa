// What the checks of this chapter's program share: the block, split over all ranks and unsplit on
// each with the same numbers, and its formula in double precision.
#pragma once
#include "chapters/07_transformer_block/transformer_block.h"
#include "common/check/finite_differences.h"
#include "common/program/runtime.h"

namespace shard::chapter_07 {

using reference::Matrix;
using reference::random_matrix;

struct Sizes {
  int64_t batch = 3, context = 7, heads = 12, width = 36, hidden = 100;
  BlockSizes block() const { return {.width = width, .heads = heads, .hidden = hidden}; }
};

struct Trial {
  Sizes sizes;
  Tensor x, dy;  // [tokens × width]
  std::unique_ptr<Communicator> alone;
  TransformerBlock split, unsplit;
  Points points;  // all that Y depends on: X, then the unsplit block's parameters

  Trial(Runtime& runtime, Sizes s, const Init& init)
      : sizes(s),
        x(to_tensor(runtime.backend(),
                    random_matrix(s.batch * s.context, s.width, {init.seed, stream_of("x")}))),
        dy(to_tensor(runtime.backend(),
                     random_matrix(s.batch * s.context, s.width, {init.seed, stream_of("dy")}))),
        alone(runtime.alone()),
        split(runtime.world(), "h.0", s.block(), init, 0.3f),
        unsplit(*alone, "h.0", s.block(), init, 0.3f) {
    points.emplace_back(x);
    for (const Parameter* parameter : unsplit.parameters()) points.emplace_back(parameter->value);
  }

  /// Y in double precision, at p = {X, parameters}. The masks do not depend on ranks: they are
  /// functions of the name of the place, the moment and the index in the whole tensor.
  Matrix expected(const Points& p, const DropoutMoment& moment) const {
    const auto keep = [&](const char* place, int64_t index) {
      const RandomStream random{moment.seed, stream_of(place, moment.pass)};
      const bool drop = random.uniform(static_cast<uint64_t>(index)) < moment.probability;
      return drop ? 0.0 : 1.0 / (1.0 - double{moment.probability});
    };
    const auto dropped = [&](Matrix y, const char* place) {
      for (size_t i = 0; i < y.values.size(); ++i)
        y.values[i] *= keep(place, static_cast<int64_t>(i));
      return y;
    };
    const reference::Mask inside = [&](int64_t matrix, int64_t row, int64_t column) {
      return keep("h.0.attn.probabilities",
                  (matrix * sizes.context + row) * sizes.context + column);
    };
    const Matrix qkv = add_bias(matmul(layer_norm(p[0], p[1], p[2]), p[3]), p[4]);
    const Matrix attended =
        add_bias(matmul(attention(qkv, sizes.batch, sizes.heads, inside), p[5]), p[6]);
    const Matrix u = add(p[0], dropped(attended, "h.0.attn"));
    const Matrix hidden = gelu(add_bias(matmul(layer_norm(u, p[7], p[8]), p[9]), p[10]));
    return add(u, dropped(add_bias(matmul(hidden, p[11]), p[12]), "h.0.mlp"));
  }
};

}  // namespace shard::chapter_07
