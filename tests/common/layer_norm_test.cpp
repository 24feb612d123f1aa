// Layer norm forward and backward against double precision, alone and with the addition of a
// residual connection.
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

struct Case {
  Matrix x, gain, bias, dy, z, dresidual;

  explicit Case(int64_t rows, int64_t width, double mean = 0.0)
      : x(random_matrix(rows, width, "x")),
        gain(random_matrix(1, width, "gain")),
        bias(random_matrix(1, width, "bias")),
        dy(random_matrix(rows, width, "dy")),
        z(random_matrix(rows, width, "z")),
        dresidual(random_matrix(rows, width, "dresidual")) {
    for (double& value : x.values) value += mean;
  }
};

}  // namespace

TEST_CASE("layer_norm: forward") {
  for (const Case& c : {Case(9, 23), Case(1, 48), Case(40, 2), Case(5, 1000)}) {
    const LayerNorm out =
        layer_norm(tensor(c.x), tensor({c.x.columns}, c.gain), tensor({c.x.columns}, c.bias));
    CHECK(relative_error(out.y, reference::layer_norm(c.x, c.gain, c.bias)) < 1e-6);
  }
}

TEST_CASE("layer_norm: numbers far from zero and rows that do not vary") {
  // the deviation is a thousandth of the mean, and a float has seven digits
  const Case far(9, 23, 1000.0);
  const LayerNorm out = layer_norm(tensor(far.x), tensor({23}, far.gain), tensor({23}, far.bias));
  CHECK(relative_error(out.y, reference::layer_norm(Matrix(tensor(far.x)), far.gain, far.bias)) <
        1e-3);
  const LayerNorm constant = layer_norm(Tensor::full(backend(), {3, 23}, 0.5f),
                                        tensor({23}, far.gain), tensor({23}, far.bias));
  CHECK(constant.y.slice({2, 3}).to_host() == far.bias.floats());
}

TEST_CASE("layer_norm: epsilon counts") {
  Matrix x = random_matrix(4, 8, "small", 1e-3);
  const Case c(4, 8);
  const LayerNorm out = layer_norm(tensor(x), tensor({8}, c.gain), tensor({8}, c.bias), 1e-3f);
  CHECK(relative_error(out.y, reference::layer_norm(x, c.gain, c.bias, 1e-3)) < 1e-6);
}

TEST_CASE("layer_norm: backward against finite differences, and gradients add up") {
  const Case c(9, 23);
  const Tensor x = tensor(c.x), gain = tensor({23}, c.gain), dy = tensor(c.dy);
  const LayerNorm out = layer_norm(x, gain, tensor({23}, c.bias));
  Tensor dgain = Tensor::zeros(backend(), {23}), dbias = Tensor::zeros(backend(), {23});
  const Tensor dx = layer_norm_backward(dy, x, out, gain, dgain, dbias);

  const auto difference = [&](const auto& loss, const Matrix& point, const Tensor& gradient) {
    return reference::finite_difference_error(loss, point, gradient.to_host(), {1, 2}, 40);
  };
  const auto loss = [&](const Matrix& new_x, const Matrix& new_gain, const Matrix& new_bias) {
    return dot(reference::layer_norm(new_x, new_gain, new_bias), c.dy);
  };
  CHECK(difference([&](const Matrix& point) { return loss(point, c.gain, c.bias); }, c.x, dx) <
        1e-5);
  CHECK(difference([&](const Matrix& point) { return loss(c.x, point, c.bias); }, c.gain, dgain) <
        1e-5);
  CHECK(difference([&](const Matrix& point) { return loss(c.x, c.gain, point); }, c.bias, dbias) <
        1e-5);

  Matrix twice(dgain);
  for (double& value : twice.values) value *= 2;
  layer_norm_backward(dy, x, out, gain, dgain, dbias);
  CHECK(relative_error(dgain, twice) < 1e-6);
}

TEST_CASE("add_layer_norm: forward") {
  for (const Case& c : {Case(9, 23), Case(1, 48), Case(40, 2), Case(5, 1000), Case(0, 7)}) {
    const Tensor x = tensor(c.x), z = tensor(c.z);
    const AddLayerNorm out =
        add_layer_norm(x, z, tensor({c.x.columns}, c.gain), tensor({c.x.columns}, c.bias));
    CHECK(out.u.to_host() == add(x, z).to_host());
    CHECK(relative_error(out.normed.y,
                         reference::layer_norm(reference::add(c.x, c.z), c.gain, c.bias)) < 1e-6);
    CHECK(x.to_host() == c.x.floats());
    CHECK(z.to_host() == c.z.floats());
  }
}

TEST_CASE("add_layer_norm: epsilon counts") {
  const Matrix x = random_matrix(4, 8, "small", 1e-3), z = random_matrix(4, 8, "as small", 1e-3);
  const Case c(4, 8);
  const AddLayerNorm out = add_layer_norm(tensor(x), tensor(z), tensor({8}, c.gain),
                                          tensor({8}, c.bias), nullptr, 1e-3f);
  CHECK(relative_error(out.normed.y,
                       reference::layer_norm(reference::add(x, z), c.gain, c.bias, 1e-3)) < 1e-6);
}

TEST_CASE("add_layer_norm: backward, with a residual connection past the norm, too") {
  for (const Case& c : {Case(9, 23), Case(1, 48)}) {
    const int64_t width = c.x.columns;
    const Tensor gain = tensor({width}, c.gain);
    const auto [u, normed] =
        add_layer_norm(tensor(c.x), tensor(c.z), gain, tensor({width}, c.bias));
    Tensor dgain = Tensor::zeros(backend(), {width}), dbias = Tensor::zeros(backend(), {width});
    const Tensor du =
        layer_norm_backward_add(tensor(c.dy), tensor(c.dresidual), u, normed, gain, dgain, dbias);

    const auto loss = [&](const Matrix& x, const Matrix& new_gain, const Matrix& new_bias) {
      const Matrix sum = reference::add(x, c.z);
      return dot(reference::layer_norm(sum, new_gain, new_bias), c.dy) + dot(sum, c.dresidual);
    };
    const auto difference = [&](const auto& loss_at, const Matrix& point, const Tensor& gradient) {
      return reference::finite_difference_error(loss_at, point, gradient.to_host(), {1, 2}, 40);
    };
    CHECK(difference([&](const Matrix& x) { return loss(x, c.gain, c.bias); }, c.x, du) < 1e-5);
    CHECK(difference([&](const Matrix& g) { return loss(c.x, g, c.bias); }, c.gain, dgain) < 1e-5);
    CHECK(difference([&](const Matrix& b) { return loss(c.x, c.gain, b); }, c.bias, dbias) < 1e-5);
  }
}

TEST_CASE("add_layer_norm: a bias of what is added, and its gradient as the sum of another pass") {
  // kept in registers and beyond; rows of 16 bytes and others; several rows a block, and one
  for (const Case& c : {Case(9, 23), Case(1, 48), Case(40, 2), Case(70, 64), Case(5, 9000)}) {
    const int64_t width = c.x.columns;
    INFO(c.x.rows, " × ", width);
    const Matrix addend = random_matrix(1, width, "addend"), before = random_matrix(1, width, "b");
    const Tensor gain = tensor({width}, c.gain), bias = tensor({width}, c.bias),
                 z_bias = tensor({width}, addend), x = tensor(c.x), z = tensor(c.z);
    const auto [u, normed] = add_layer_norm(x, z, gain, bias, &z_bias);
    Tensor z_and_bias = z.clone();
    add_bias(z_and_bias, z_bias);
    const AddLayerNorm in_two = add_layer_norm(x, z_and_bias, gain, bias);
    CHECK(relative_error(u, Matrix(in_two.u)) < 1e-6);
    CHECK(relative_error(normed.y, Matrix(in_two.normed.y)) < 1e-6);

    Tensor dgain = tensor({width}, before), dbias = dgain.clone(), dz_bias = dgain.clone(),
           dgain_alone = dgain.clone(), dbias_alone = dgain.clone(), sums = dgain.clone();
    const Tensor dy = tensor(c.dy), dresidual = tensor(c.dresidual);
    const Tensor du =
        layer_norm_backward_add(dy, dresidual, u, normed, gain, dgain, dbias, &dz_bias);
    const Tensor alone =
        layer_norm_backward_add(dy, dresidual, u, normed, gain, dgain_alone, dbias_alone);
    add_column_sums(sums, du);
    CHECK(du.to_host() == alone.to_host());
    CHECK(dgain.to_host() == dgain_alone.to_host());
    CHECK(dbias.to_host() == dbias_alone.to_host());
    CHECK(relative_error(dz_bias, Matrix(sums)) < 1e-6);
  }
}

TEST_CASE("layer_norm_backward_add: no rows add nothing") {
  const Case c(0, 7);
  const Tensor gain = tensor({7}, c.gain), none = tensor(c.x);
  Tensor dgain = tensor({7}, c.bias), dbias = gain.clone();
  const LayerNorm normed = layer_norm(none, gain, gain);
  CHECK(layer_norm_backward_add(none, none, none, normed, gain, dgain, dbias).rows() == 0);
  CHECK(dgain.to_host() == c.bias.floats());
  CHECK(dbias.to_host() == c.gain.floats());
}

TEST_CASE("layer_norm: mismatches are refused") {
  const Tensor x(backend(), {4, 6}), wrong(backend(), {5}), right = Tensor::zeros(backend(), {6});
  CHECK(message_of([&] { layer_norm(x, wrong, right); }) ==
        "layer_norm: the gain has shape [5], but needs 6 elements");
  CHECK(message_of([&] { layer_norm(x, right, wrong); }) ==
        "layer_norm: the bias has shape [5], but needs 6 elements");
  const LayerNorm out = layer_norm(x, right, right);
  Tensor dgain = right.clone(), dbias(backend(), {5});
  CHECK(contains(message_of([&] { layer_norm_backward(x, x, out, right, dgain, dbias); }),
                 "shape [5]"));
  CHECK(message_of([&] {
          layer_norm_backward(x.slice({0, 3}), x, out, right, dgain, dgain);
        }) == "layer_norm_backward: shapes [3 × 6] and [4 × 6] differ");
  CHECK(message_of([&] {
          add_layer_norm(x, x.slice({0, 3}), right, right);
        }) == "add_layer_norm: shapes [4 × 6] and [3 × 6] differ");
  CHECK(message_of([&] { add_layer_norm(x, x, wrong, right); }) ==
        "add_layer_norm: the gain has shape [5], but needs 6 elements");
  CHECK(message_of([&] { add_layer_norm(x, x, right, right, &wrong); }) ==
        "add_layer_norm: z's bias has shape [5], but needs 6 elements");
  CHECK(message_of([&] { layer_norm_backward_add(x, x, x, out, right, dgain, dgain, &dbias); }) ==
        "layer_norm_backward_add: the gradient of z's bias has shape [5], but needs 6 elements");
  CHECK(message_of([&] {
          layer_norm_backward_add(x, x.slice({1, 4}), x, out, right, dgain, dgain);
        }) == "layer_norm_backward_add: shapes [3 × 6] and [4 × 6] differ");
}
