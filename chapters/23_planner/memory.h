// The memory of a rank, by kind.
#pragma once
#include "chapters/23_planner/layout.h"

namespace shard::chapter_23 {

/// Bytes of a value of each kind. Megatron in half precision: 2, 4, 12, 2 and 1.
struct ValueBytes {
  double weight = 2, gradient = 4;
  double optimizer = 12;  // the weights that it updates, and both moments
  double activation = 2, mask = 1;
};

/// Bytes.
struct Memory {
  double weights = 0, gradients = 0, optimizer = 0, activations = 0, buffers = 0;
  double total() const { return weights + gradients + optimizer + activations + buffers; }
};

/// Of a rank of stage `stage`, at most during a step; as Megatron keeps activations (Korthikanti et
/// al., arXiv:2205.05198, table 2).
Memory memory_of(const ModelShape& model, const Layout& layout, int64_t batch, int64_t stage,
                 const ValueBytes& bytes = {});
/// Of the stage that needs most.
Memory memory_of_fullest(const ModelShape& model, const Layout& layout, int64_t batch,
                         const ValueBytes& bytes = {});

}  // namespace shard::chapter_23
