#include "common/tensor/heads.h"

namespace shard {

Heads::Heads(const Tensor& tensor) : memory(tensor) {
  const Shape& shape = tensor.shape();
  require(shape.rank() == 3, "heads: a tensor ", shape, " is not [matrices × rows × head_width]");
  matrices = shape[0];
  rows = shape[1];
  width = shape[2];
  steps = {.heads = 1, .sequence = rows * width, .head = 0, .row = width};
}

Heads heads_in_columns(const Tensor& x, int64_t first_column, int64_t batch, int64_t heads,
                       int64_t width) {
  require(x.shape().rank() == 2 && batch > 0 && heads > 0 && x.rows() % batch == 0,
          "heads: ", x.shape(), " is not ", batch, " sequences of tokens with ", heads,
          " heads each");
  require(first_column >= 0 && first_column + heads * width <= x.columns(), "heads: columns ",
          first_column, " to ", first_column + heads * width, " of shape ", x.shape());
  Heads result;
  result.memory = x;
  result.first = first_column;
  result.matrices = batch * heads;
  result.rows = x.rows() / batch;
  result.width = width;
  result.steps = {
      .heads = heads, .sequence = result.rows * x.columns(), .head = width, .row = x.columns()};
  return result;
}

}  // namespace shard
