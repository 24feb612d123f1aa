// Products that are added to weights' gradients at once or later: what is added when, when a
// gradient is ready, what a queue keeps alive, and the two forms in bf16, with and without
// epilogues.
#include "common/tensor/weight_gradients.h"

#include "common/tensor/linear.h"
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

constexpr int64_t rows = 9, in = 5, out = 7;

struct Layer {
  Parameter weight{backend(), "w", Shard::all({in, out}), 1, 1.0f};
  Parameter bias{backend(), "b", Shard::all({out}), 1, 1.0f};
  std::string ready;  // "w", "b": as they become so
  Listener listeners[2] = {weight.on_gradient_ready([this] { ready += "w"; }),
                           bias.on_gradient_ready([this] { ready += "b"; })};
};

Tensor x_of(int pass) { return tensor(random_matrix(rows + pass, in, text("x", pass))); }
Tensor dy_of(int pass) { return tensor(random_matrix(rows + pass, out, text("dy", pass))); }

/// Σ over passes 0 … last of Xᵀ·dY.
Matrix products(int last) {
  Matrix sum(in, out);
  for (int pass = 0; pass <= last; ++pass)
    sum =
        add(sum, reference::matmul(reference::transpose(Matrix(x_of(pass))), Matrix(dy_of(pass))));
  return sum;
}

}  // namespace

TEST_CASE("weight gradients: without a queue they are added at once") {
  Layer layer;
  add_weight_gradient(layer.weight, x_of(0), dy_of(0));
  CHECK(layer.ready == "w");
  CHECK(relative_error(layer.weight.gradient, products(0)) < 1e-6);
  add_linear_gradients(layer.weight, layer.bias, x_of(1), dy_of(1));
  CHECK(layer.ready == "wwb");
  CHECK(relative_error(layer.weight.gradient, products(1)) < 1e-6);
  Tensor sums = Tensor::zeros(backend(), {out});
  add_column_sums(sums, dy_of(1));
  CHECK(relative_error(layer.bias.gradient, sums) < 1e-6);
}

TEST_CASE("weight gradients: a queue adds them pass by pass, and the last makes them ready") {
  Layer layer;
  {
    WeightGradientQueue queue({&layer.weight, &layer.bias});
    for (int pass = 0; pass < 3; ++pass) {
      queue.begin_pass();
      add_linear_gradients(layer.weight, layer.bias, x_of(pass), dy_of(pass));
    }
    CHECK(queue.passes() == 3);
    CHECK(layer.weight.gradient.to_host() == std::vector<float>(in * out, 0.0f));
    CHECK(layer.bias.gradient.to_host() == std::vector<float>(out, 0.0f));
    for (int pass = 0; pass < 3; ++pass) {
      CHECK(layer.ready.empty());
      queue.add_oldest_pass();
      CHECK(queue.passes() == 2 - pass);
      CHECK(relative_error(layer.weight.gradient, products(pass)) < 1e-6);
    }
    CHECK(layer.ready == "wb");
    CHECK(message_of([&] { queue.add_oldest_pass(); }) == "no weight gradients wait for their sum");
  }
  add_weight_gradient(layer.weight, x_of(3), dy_of(3));  // at once again
  CHECK(layer.ready == "wbw");
  CHECK(relative_error(layer.weight.gradient, products(3)) < 1e-6);
}

TEST_CASE("weight gradients: the same bits now and later") {
  Layer now, later;
  WeightGradientQueue queue({&later.weight, &later.bias});
  for (int pass = 0; pass < 2; ++pass) {
    add_linear_gradients(now.weight, now.bias, x_of(pass), dy_of(pass));
    queue.begin_pass();
    add_linear_gradients(later.weight, later.bias, x_of(pass), dy_of(pass));
  }
  for (int pass = 0; pass < 2; ++pass) queue.add_oldest_pass();
  CHECK(now.weight.gradient.to_host() == later.weight.gradient.to_host());
  CHECK(now.bias.gradient.to_host() == later.bias.gradient.to_host());
}

TEST_CASE("weight gradients: a queue drops what waits, and counts the memory until then") {
  Layer layer;
  const int64_t before = backend().bytes_in_use();
  {
    WeightGradientQueue queue({&layer.weight});
    CHECK(queue.bytes() == 0);
    int64_t bytes = 0;
    for (int pass = 0; pass < 2; ++pass) {
      queue.begin_pass();
      const Tensor x = x_of(pass), dy = dy_of(pass);
      bytes += x.memory_bytes() + dy.memory_bytes();
      add_weight_gradient(layer.weight, x, dy);
      add_weight_gradient(layer.weight, x, dy);  // the same memory counts once
    }
    CHECK(queue.bytes() == bytes);
    CHECK(backend().bytes_in_use() - before >= bytes);
  }
  CHECK(backend().bytes_in_use() == before);
  CHECK(layer.weight.gradient.to_host() == std::vector<float>(in * out, 0.0f));
}

TEST_CASE("weight gradients: mistakes with queues") {
  Layer layer;
  WeightGradientQueue queue({&layer.weight});
  CHECK(message_of([&] {
          WeightGradientQueue second({&layer.bias, &layer.weight});
        }) == "w's products are in a queue already");
  CHECK(message_of([&] { add_weight_gradient(layer.weight, x_of(0), dy_of(0)); }) ==
        "w's product belongs to no pass: begin_pass()");
  WeightGradientQueue other({&layer.bias});  // the failed one has taken nothing
}

TEST_CASE("weight gradients: in bf16, with and without epilogues, the same bits now and later") {
  if (!backend().computes_in(DataType::bf16)) return;
  const Tensor x = cast(tensor(random_matrix(24, 16, "x")), DataType::bf16),
               dy = cast(tensor(random_matrix(24, 40, "dy")), DataType::bf16);
  for (const bool epilogues : {true, false}) {
    CAPTURE(epilogues);
    const ProductEpilogues set(backend(), epilogues);
    Parameter weight(backend(), "w", Shard::all({16, 40}), 1, 1.0f);
    Parameter bias(backend(), "b", Shard::all({40}), 1, 1.0f);
    Tensor dweight = Tensor::zeros(backend(), {16, 40}), dbias = Tensor::zeros(backend(), {40});
    int64_t before = backend().launches();
    add_linear_gradients(dweight, dbias, x, dy);
    const int64_t launches = backend().launches() - before;
    WeightGradientQueue queue({&weight, &bias});
    queue.begin_pass();
    before = backend().launches();
    add_linear_gradients(weight, bias, x, dy);
    CHECK(backend().launches() == before);
    queue.add_oldest_pass();
    CHECK(backend().launches() - before == launches);
    CHECK(weight.gradient.to_host() == dweight.to_host());
    CHECK(bias.gradient.to_host() == dbias.to_host());
  }
}
