// Heads: where the vectors of attention's heads lie. A layer's product gives them side by side in
// the row of their token; nothing needs to be moved for attention to read them there.
#pragma once
#include "common/base/formulas.h"
#include "common/tensor/tensor.h"

namespace shard {

/// How many elements lie between them: from a sequence to the next, from a head to the next, from a
/// row (a position) to the next. Small numbers only: they are passed to kernels by value.
struct HeadSteps {
  int64_t heads = 1;  // of a sequence
  int64_t sequence = 0, head = 0, row = 0;

  /// Where a matrix begins, counted from the first: matrices are heads, sequence after sequence.
  SHARD_HOST_DEVICE int64_t first_of(int64_t matrix) const {
    return matrix / heads * sequence + matrix % heads * head;
  }
};

/// Matrices [rows × width], one for each sequence and head, in a tensor that this keeps alive.
struct Heads {
  Tensor memory;
  int64_t first = 0;  // element of `memory` where the first matrix begins
  int64_t matrices = 0, rows = 0, width = 0;
  HeadSteps steps;

  /// None.
  Heads() = default;
  /// A tensor [matrices × rows × width]. Throws Error for one of another rank.
  Heads(const Tensor& matrices);

  DataType type() const { return memory.type(); }
  /// The first element of a matrix. For backends only.
  template <class T>
  T* data(int64_t matrix = 0) const {
    return memory.data<T>() + first + steps.first_of(matrix);
  }
};

/// Those in columns first_column … first_column + heads·width - 1 of x [batch·context × columns], a
/// token's heads side by side. Throws Error where x has not got them.
Heads heads_in_columns(const Tensor& x, int64_t first_column, int64_t batch, int64_t heads,
                       int64_t width);

}  // namespace shard
