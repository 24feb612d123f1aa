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

static Backend& backend_of_linear(const char* op, const Tensor& x, const Tensor& weight,
                                  const Tensor& bias) {
  are_factors(op, x, weight);
  has(op, "the bias", bias, weight.columns());
  one_type(op, x, weight, bias);
  return backend_of(op, x, weight, bias);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Backend& backend = backend_of_linear("linear", x, weight, bias);
  Tensor y(backend, {x.rows(), weight.columns()}, x.type());
  backend.linear(y, x, weight, bias);
  backend.count_flops(flops_of(x, weight));
  return y;
}

void linear_into(const Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Backend& backend = backend_of_linear("linear_into", x, weight, bias);
  one_type("linear_into", y, x);
  backend_of("linear_into", y, x);
  require(y.shape() == Shape({x.rows(), weight.columns()}), "linear_into: ", x.shape(), " times ",
          weight.shape(), " does not fit into ", y.shape());
  Tensor result = y;
  backend.linear(result, x, weight, bias);
  backend.count_flops(flops_of(x, weight));
}

/// dbias may be nullptr.
static Tensor linear_backward(const Tensor& dy, const Tensor& weight, Tensor* dbias) {
  const Tensor& sums = dbias != nullptr ? *dbias : dy;
  are_factors("linear_backward", dy, Operand(weight, true));
  one_type("linear_backward", dy, weight);
  Backend& backend = backend_of("linear_backward", dy, weight, sums);
  Tensor dx(backend, {dy.rows(), weight.rows()}, dy.type());
  backend.linear_backward(dx, dbias, dy, weight);
  backend.count_flops(flops_of(dy, weight));
  return dx;
}

Tensor linear_backward(const Tensor& dy, const Tensor& weight, Tensor& dbias) {
  are_factors("linear_backward", dy, Operand(weight, true));
  has("linear_backward", "the bias's gradient", dbias, dy.columns());
  is_f32("linear_backward", dbias);
  return linear_backward(dy, weight, &dbias);
}

Tensor linear_backward(const Tensor& dy, const Tensor& weight) {
  return linear_backward(dy, weight, nullptr);
}

void add_linear_gradients(Tensor& dweight, Tensor& dbias, const Tensor& x, const Tensor& dy) {
  const char* const op = "add_linear_gradients";
  require(x.rows() == dy.rows() && dweight.shape() == Shape({x.columns(), dy.columns()}), op, ": ",
          x.shape(), " transposed times ", dy.shape(), " was added to ", dweight.shape());
  has(op, "the bias's gradient", dbias, dy.columns());
  one_type(op, x, dy);
  is_f32(op, dweight);
  is_f32(op, dbias);
  backend_of(op, dweight, dbias, x, dy).add_linear_gradients(dweight, dbias, x, dy);
  x.backend().count_flops(flops_of(dy, dweight));
}

LinearGelu linear_gelu_matmul(const Tensor& x, const Tensor& weight, const Tensor& bias,
                              const Tensor& second) {
  const char* const op = "linear_gelu_matmul";
  are_factors(op, x, weight);
  are_factors(op, weight, second);
  has(op, "the bias", bias, weight.columns());
  one_type(op, x, weight, bias, second);
  Backend& backend = backend_of(op, x, weight, bias, second);
  LinearGelu result{Tensor(backend, {x.rows(), weight.columns()}, x.type()),
                    Tensor(backend, {x.rows(), second.columns()}, x.type())};
  backend.linear_gelu_matmul(result.u, result.y, x, weight, bias, second);
  backend.count_flops(flops_of(x, weight) + flops_of(result.u, second));
  return result;
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

GeluBackward gelu_matmul_backward(const Tensor& dy, const Tensor& weight, const Tensor& u,
                                  Tensor& dbias) {
  are_factors("gelu_matmul_backward", dy, Operand(weight, true));
  one_type("gelu_matmul_backward", dy, weight, u);
  require(u.shape() == Shape({dy.rows(), weight.rows()}), "gelu_matmul_backward: u of shape ",
          u.shape(), " for a gradient of ", dy.rows(), " × ", weight.rows());
  has("gelu_matmul_backward", "the bias's gradient", dbias, u.columns());
  is_f32("gelu_matmul_backward", dbias);
  Backend& backend = backend_of("gelu_matmul_backward", dy, weight, u, dbias);
  GeluBackward result{like(u), like(u)};
  backend.gelu_matmul_backward(result.activated, result.du, dbias, dy, weight, u);
  backend.count_flops(flops_of(dy, weight));
  return result;
}

}  // namespace shard
