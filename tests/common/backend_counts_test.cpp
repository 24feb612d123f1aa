// What a device counts: the floating-point operations of products, and the bytes of tensors.
#include <optional>

#include "common/tensor/attention.h"
#include "common/tensor/linear.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

Tensor numbers(Shape shape) { return Tensor::zeros(backend(), shape); }

/// The operations that `work` adds to the count.
template <class Work>
uint64_t flops_of(const Work& work) {
  const uint64_t before = backend().flops();
  work();
  return backend().flops() - before;
}

constexpr uint64_t batch = 3, m = 7, k = 5, n = 11;

}  // namespace

TEST_CASE("flops: two for each multiplication of a product, whatever is transposed or added to") {
  const Tensor a = numbers({m, k}), b = numbers({k, n});
  Tensor c = numbers({m, n});
  CHECK(flops_of([&] { matmul(a, b); }) == 2 * m * k * n);
  CHECK(flops_of([&] { add_matmul(c, a, b); }) == 2 * m * k * n);
  CHECK(flops_of([&] { matmul(transposed(a), c); }) == 2 * m * k * n);
  CHECK(flops_of([&] {
          matmul(numbers({batch, m, k}), numbers({batch, k, n}));
        }) == batch * 2 * m * k * n);
  CHECK(flops_of([&] { matmul(numbers({0, k}), b); }) == 0);
  CHECK(flops_of([&] { gelu(c); }) == 0);
}

TEST_CASE("flops: linear layers in one operation count their product once") {
  const Tensor x = numbers({m, k}), weight = numbers({k, n}), bias = numbers({n}),
               dy = numbers({m, n});
  Tensor dbias = numbers({n});
  CHECK(flops_of([&] { linear(x, weight, bias); }) == 2 * m * k * n);
  CHECK(flops_of([&] { linear_backward(dy, weight, dbias); }) == 2 * m * k * n);
  CHECK(flops_of([&] { gelu_matmul(x, weight); }) == 2 * m * k * n);
  CHECK(flops_of([&] { linear_backward(dy, weight); }) == 2 * m * k * n);
  Tensor dweight = numbers({k, n}), of_x = numbers({k});
  CHECK(flops_of([&] { gelu_matmul_backward(dy, weight, x, of_x); }) == 2 * m * k * n);
  CHECK(flops_of([&] { add_linear_gradients(dweight, dbias, x, dy); }) == 2 * m * k * n);
  CHECK(flops_of([&] {
          linear_gelu_matmul(x, weight, bias, numbers({n, m}));
        }) == 2 * m * k * n + 2 * m * n * m);
}

TEST_CASE("flops: of a triangle its own elements count, for small and for large ones") {
  for (const int64_t context : {1, 9, 300}) {
    const uint64_t pairs = static_cast<uint64_t>(context * (context + 1) / 2);
    const Tensor q = numbers({batch, context, k}), scores = causal_scores(q, q);
    CHECK(flops_of([&] { causal_scores(q, q); }) == batch * 2 * pairs * k);
    CHECK(flops_of([&] { matmul(lower(scores), q); }) == batch * 2 * pairs * k);
    CHECK(flops_of([&] { matmul(transposed(lower(scores)), q); }) == batch * 2 * pairs * k);
  }
}

TEST_CASE("flops: attention as one operation has two products forward and five backward") {
  const Tensor q = numbers({batch, m, 8}), k_and_v = numbers({batch, n, 8});
  const auto check = [&](const AttentionSettings& settings, uint64_t pairs) {
    const AttentionResult result = attention(q, k_and_v, k_and_v, settings);
    CHECK(flops_of([&] { attention(q, k_and_v, k_and_v, settings); }) == 2 * batch * 2 * pairs * 8);
    CHECK(flops_of([&] { attention_backward(q, q, k_and_v, k_and_v, result, settings); }) ==
          5 * batch * 2 * pairs * 8);
  };
  check({.first_query = 4, .first_key = 0}, 5 + 6 + 7 + 8 + 9 + 10 + 11);
  check({.first_query = 0, .first_key = 0}, 1 + 2 + 3 + 4 + 5 + 6 + 7);
  check({.first_query = 20, .first_key = 0}, m * n);
  check({.first_query = 0, .first_key = 20}, 0);
}

TEST_CASE("bytes in use: those of the tensors that exist, and the most of them") {
  const int64_t before = backend().bytes_in_use();
  std::optional<Tensor> x(std::in_place, backend(), Shape{100, 7});
  backend().forget_peak();
  CHECK(backend().bytes_in_use() == before + 2800);
  CHECK(backend().peak_bytes_in_use() == before + 2800);
  const Tensor view = x->slice({1, 2});
  { const Tensor y = x->clone(); }
  CHECK(backend().bytes_in_use() == before + 2800);
  CHECK(backend().peak_bytes_in_use() == before + 5600);
  x.reset();
  CHECK(backend().bytes_in_use() == before + 2800);  // the view keeps it
  backend().forget_peak();
  CHECK(backend().peak_bytes_in_use() == before + 2800);
}
