#include "common/tensor/linear.h"

#include "common/tensor/op_checks.h"

namespace shard {

using namespace op_checks;

/// left [m × k] times a weight whose factor in the product is [k × n].
static void are_factors(const char* op, const Tensor& left, const Operand& weight) {
  require(left.shape().rank() == 2 && weight.matrix.shape().rank() == 2 &&
              left.columns() == weight.rows(),
          op, ": ", left.shape(), " times ", weight.matrix.shape(),
          weight.transposed ? " transposed" : "");
}

/// Of left times the weight, transposed or not.
static int64_t flops_of(const Tensor& left, const Tensor& weight) {
  return 2 * left.rows() * weight.elements();
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  are_factors("linear", x, weight);
  has("linear", "the bias", bias, weight.columns());
  one_type("linear", x, weight, bias);
  Backend& backend = backend_of("linear", x, weight, bias);
  Tensor y(backend, {x.rows(), weight.columns()}, x.type());
  backend.linear(y, x, weight, bias);
  backend.count_flops(flops_of(x, weight));
  return y;
}

Tensor linear_backward(const Tensor& dy, const Tensor& weight, Tensor& dbias) {
  are_factors("linear_backward", dy, Operand(weight, true));
  has("linear_backward", "the bias's gradient", dbias, dy.columns());
  is_f32("linear_backward", dbias);
  one_type("linear_backward", dy, weight);
  Backend& backend = backend_of("linear_backward", dy, weight, dbias);
  Tensor dx(backend, {dy.rows(), weight.rows()}, dy.type());
  backend.linear_backward(dx, dbias, dy, weight);
  backend.count_flops(flops_of(dy, weight));
  return dx;
}

Tensor gelu_matmul(const Tensor& u, const Tensor& weight) {
  are_factors("gelu_matmul", u, weight);
  one_type("gelu_matmul", u, weight);
  Backend& backend = backend_of("gelu_matmul", u, weight);
  Tensor y(backend, {u.rows(), weight.columns()}, u.type());
  backend.gelu_matmul(y, u, weight);
  backend.count_flops(flops_of(u, weight));
  return y;
}

GeluBackward gelu_matmul_backward(const Tensor& dy, const Tensor& weight, const Tensor& u) {
  are_factors("gelu_matmul_backward", dy, Operand(weight, true));
  one_type("gelu_matmul_backward", dy, weight, u);
  require(u.shape() == Shape({dy.rows(), weight.rows()}), "gelu_matmul_backward: u of shape ",
          u.shape(), " for a gradient of ", dy.rows(), " × ", weight.rows());
  Backend& backend = backend_of("gelu_matmul_backward", dy, weight, u);
  GeluBackward result{like(u), like(u)};
  backend.gelu_matmul_backward(result.activated, result.du, dy, weight, u);
  backend.count_flops(flops_of(dy, weight));
  return result;
}

}  // namespace shard
