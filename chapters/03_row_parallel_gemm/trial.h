// What the checks of this chapter's program share: the layer twice, and what it must compute, in
// double precision.
#pragma once
#include "chapters/03_row_parallel_gemm/row_parallel_linear.h"
#include "common/check/finite_differences.h"
#include "common/program/runtime.h"

namespace shard::chapter_03 {

using reference::Matrix;

struct Sizes {
  int64_t tokens = 24, in = 40, out = 28;
};

/// The layer, split over all ranks and unsplit on each, with the same numbers.
struct Trial {
  Init init;
  Matrix x, dy;  // [tokens × in], [tokens × out]
  std::unique_ptr<Communicator> alone;
  RowParallelLinear split, unsplit;
  Range part;  // of the inputs

  Trial(Runtime& runtime, const Sizes& s)
      : init{.seed = runtime.options().seed, .weight = 0.3f, .vector = 0.5f},
        x(reference::random_matrix(s.tokens, s.in, {init.seed, stream_of("x")})),
        dy(reference::random_matrix(s.tokens, s.out, {init.seed, stream_of("dy")})),
        alone(runtime.alone()),
        split(runtime.world(), "row", s.in, s.out, init),
        unsplit(*alone, "row", s.in, s.out, init),
        part(part_of(s.in, runtime.world().size(), runtime.world().rank())) {}

  /// Y at points = {X, A}: [tokens × out].
  Matrix expected(const Points& points) const {
    return add_bias(matmul(points[0], points[1]), Matrix(unsplit.bias.value));
  }
  /// The same at this X and A.
  Matrix expected() const { return expected({x, Matrix(unsplit.weight.value)}); }
};

}  // namespace shard::chapter_03
