// What the checks of this chapter's program share: the layer twice, and what it must compute, in
// double precision.
#pragma once
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"
#include "common/check/finite_differences.h"
#include "common/program/runtime.h"

namespace shard::chapter_04 {

using reference::Matrix;

struct Sizes {
  int64_t tokens = 24, in = 36, out = 50;
};

/// The layer, split over all ranks and unsplit on each, with the same numbers. The unsplit one has
/// made a forward and a backward pass.
struct Trial {
  Init init;
  Sizes sizes;
  Matrix x, dy;  // [tokens × in], [tokens × out]
  std::unique_ptr<Communicator> alone;
  ColumnParallelLinear split, unsplit;
  Range part;  // of the outputs
  ColumnParallelLinear::Kept kept, kept_unsplit;
  Tensor y_unsplit, dx_unsplit;

  Trial(Runtime& runtime, const Sizes& s)
      : init{.seed = runtime.options().seed, .weight = 0.3f, .vector = 0.5f},
        sizes(s),
        x(reference::random_matrix(s.tokens, s.in, {init.seed, stream_of("x")})),
        dy(reference::random_matrix(s.tokens, s.out, {init.seed, stream_of("dy")})),
        alone(runtime.alone()),
        split(runtime.world(), "column", s.in, s.out, init),
        unsplit(*alone, "column", s.in, s.out, init),
        part(part_of(s.out, runtime.world().size(), runtime.world().rank())),
        y_unsplit(unsplit.forward(to_tensor(runtime.backend(), x), kept_unsplit)),
        dx_unsplit(unsplit.backward(to_tensor(runtime.backend(), dy), kept_unsplit)) {}

  /// Y at points = {X, A}: [tokens × out].
  Matrix expected(const Points& points) const {
    return add_bias(matmul(points[0], points[1]), Matrix(unsplit.bias.value));
  }
};

}  // namespace shard::chapter_04
