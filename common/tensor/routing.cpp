#include "common/tensor/routing.h"

#include "common/tensor/op_checks.h"

namespace shard {

using namespace op_checks;

/// A list of a number for each of the tokens' choices.
static void is_choice(const char* op, const Tensor& x, const Tensor& like) {
  same_shape(op, x, like);
  is_f32(op, x);
}

Routing route(const Tensor& logits, const Tensor& bias, int64_t k, RouterWeights by) {
  is_f32("route", logits);
  require(1 <= k && k <= logits.columns(), "route: ", k, " of ",
          counted(logits.columns(), "expert"), " cannot be chosen");
  Backend& backend = bias ? backend_of("route", logits, bias) : logits.backend();
  if (bias) {
    is_f32("route", bias);
    has("route", "the bias", bias, logits.columns());
  }
  const Shape choices{logits.rows(), k};
  Routing routing{like(logits), Tensor(backend, choices, DataType::i32), Tensor(backend, choices),
                  by};
  backend.route(routing, logits, bias);
  return routing;
}

Tensor route_backward(const Routing& routing, const Tensor& dweights,
                      const Tensor& dprobabilities) {
  is_choice("route_backward", dweights, routing.weights);
  Backend& backend = backend_of("route_backward", routing.weights, dweights);
  if (dprobabilities) {
    is_f32("route_backward", dprobabilities);
    has("route_backward", "the gradient of the probabilities", dprobabilities,
        routing.probabilities.columns());
    backend_of("route_backward", dweights, dprobabilities);
  }
  Tensor dlogits = like(routing.probabilities);
  backend.route_backward(dlogits, routing, dweights, dprobabilities);
  return dlogits;
}

Tensor occurrences(const Tensor& ids, int64_t values) {
  is_index_list("occurrences", ids, ids.elements());
  Tensor counts(ids.backend(), {values}, DataType::i32);
  ids.backend().occurrences(counts, ids);
  return counts;
}

static Backend& backend_of_sum(const char* op, const Tensor& rows, const Tensor& places,
                               const Tensor& weights) {
  one_type(op, rows);
  is_index_list(op, places, places.elements());
  if (!weights) return backend_of(op, rows, places);
  is_choice(op, weights, places);
  return backend_of(op, rows, places, weights);
}

Tensor sum_of_rows(const Tensor& rows, const Tensor& places, const Tensor& weights) {
  Backend& backend = backend_of_sum("sum_of_rows", rows, places, weights);
  Tensor y(backend, {places.rows(), rows.columns()}, rows.type());
  backend.sum_of_rows(y, rows, places, weights);
  return y;
}

SumOfRowsBackward sum_of_rows_backward(const Tensor& dy, const Tensor& rows, const Tensor& places,
                                       const Tensor& weights) {
  const char* const op = "sum_of_rows_backward";
  Backend& backend = backend_of_sum(op, rows, places, weights);
  require(bool(weights), op, " needs weights: without them it is gather_rows");
  one_type(op, dy, rows);
  require(dy.shape() == Shape({places.rows(), rows.columns()}), op, ": dy has shape ", dy.shape(),
          ", but ", counted(places.rows(), "token"), " are sums of rows of ", rows.shape());
  backend_of(op, dy, rows);
  SumOfRowsBackward result{like(rows), like(weights)};
  backend.sum_of_rows_backward(result, dy, rows, places, weights);
  return result;
}

}  // namespace shard
