// Tensors: handles, views and copies, and the way to the host and back.
#include "common/tensor/tensor.h"

#include <cmath>

#include "tests/test_support.h"

using namespace shard;

static const std::vector<float> twelve = {0, -1, 2, -3, 4, -5, 6, -7, 8, -9, 10, -11};

TEST_CASE("tensor: what is written is read back") {
  CHECK(tensor({3, 4}, twelve).to_host() == twelve);
  CHECK(Tensor::zeros(backend(), {2, 3}).to_host() == std::vector<float>(6, 0.0f));
  CHECK(Tensor::full(backend(), {5}, -2.5f).to_host() == std::vector<float>(5, -2.5f));
  const std::vector<int32_t> integers = {7, -2147483647, 16777217};  // the last two are no floats
  CHECK(indices(integers).to_host_int() == integers);
  CHECK(indices(integers).clone().to_host_int() == integers);
  CHECK(tensor({3, 4}, twelve).bytes() == 48);
}

TEST_CASE("tensor: a copy shares the elements, a clone does not") {
  Tensor original = tensor({3, 4}, twelve);
  const Tensor shared = original, cloned = original.clone();
  fill(original, 1.0f);
  CHECK(shared.to_host() == std::vector<float>(12, 1.0f));
  CHECK(cloned.to_host() == twelve);
}

TEST_CASE("tensor: a slice is a view of rows") {
  Tensor whole = tensor({3, 4}, twelve);
  Tensor rows = whole.slice({1, 3});
  CHECK(rows.shape() == Shape{2, 4});
  CHECK(rows.slice({1, 2}).to_host() == std::vector<float>{8, -9, 10, -11});
  fill(rows, 0.5f);
  CHECK(whole.to_host() ==
        std::vector<float>{0, -1, 2, -3, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f});
  CHECK(whole.reshape({12}).slice({2, 5}).to_host() == std::vector<float>{2, -3, 0.5f});
  CHECK(whole.slice({3, 3}).shape() == Shape{0, 4});
}

TEST_CASE("tensor: a reshape is a view of all elements") {
  Tensor whole = tensor({3, 4}, twelve);
  Tensor other = whole.reshape({2, 3, 2});
  CHECK(other.rows() == 6);
  fill(other, 3.0f);
  CHECK(whole.to_host() == std::vector<float>(12, 3.0f));
}

TEST_CASE("tensor: a view keeps the elements alive") {
  Tensor view;
  CHECK_FALSE(view);
  view = tensor({3, 4}, twelve).slice({2, 3});
  const Tensor other =
      Tensor::full(backend(), {3, 4}, 9.0f);  // would reuse the memory if it had been released
  CHECK(view.to_host() == std::vector<float>{8, -9, 10, -11});
}

TEST_CASE("tensor: empty tensors work") {
  CHECK(tensor({0, 5}, std::vector<float>()).to_host().empty());
  CHECK(Tensor::zeros(backend(), {4, 0}).clone().shape() == Shape{4, 0});
}

TEST_CASE("tensor: misuse is refused, and both sides are named") {
  Tensor x = tensor({3, 4}, twelve);
  const std::vector<float> floats(5);
  const std::vector<int32_t> integers(12);
  CHECK(message_of([&] {
          x.reshape({5, 2});
        }) == "a tensor of shape [3 × 4] cannot be reshaped to [5 × 2]");
  CHECK(message_of([&] { x.slice({1, 4}); }) == "rows 1 to 4 of a tensor of shape [3 × 4]");
  CHECK(message_of([&] { x.slice({2, 1}); }) == "rows 2 to 1 of a tensor of shape [3 × 4]");
  CHECK(message_of([&] { x.slice({-1, 1}); }) == "rows -1 to 1 of a tensor of shape [3 × 4]");
  CHECK(message_of([&] { x.assign(std::span<const float>(floats)); }) ==
        "a tensor of shape [3 × 4] was given 5 values");
  CHECK(message_of([&] { x.assign(std::span<const int32_t>(integers)); }) ==
        "a tensor of f32 was given i32");
  CHECK(message_of([&] { x.to_host_int(); }) == "a tensor of f32 was read as i32");
  CHECK(message_of([&] { indices(integers).to_host(); }) == "a tensor of i32 was read as f32");
  CHECK(message_of([] { static_cast<void>(Tensor().backend()); }) == "an empty tensor was used");
  CHECK(message_of([] { Tensor(backend(), {int64_t{1} << 61}); }) ==
        "the bytes of a tensor of shape [2305843009213693952] overflow 64 bits");
  const std::string too_large = message_of([] { Tensor(backend(), {int64_t{1} << 50}); });
  CHECK(contains(too_large, "out of memory"));
  CHECK(contains(too_large, ": 4503599627370496 bytes"));
}

TEST_CASE("backend: poison fills new memory with NaN, used before or not") {
  for (int use = 0; use < 2; ++use) {
    Tensor unwritten(backend(), {7, 13});
    for (float value : unwritten.to_host()) CHECK(std::isnan(value));
    fill(unwritten, 1.0f);
  }
}

TEST_CASE("backend: memory of the same size is used again") {
  const auto some_work = [] {
    const Tensor x = tensor(random_matrix(6, 35, "x")), a = tensor(random_matrix(35, 9, "a"));
    return gelu(matmul(x, a)).to_host();
  };
  const std::vector<float> first = some_work();
  const int64_t allocations = backend().allocations();
  for (int round = 0; round < 5; ++round) CHECK(some_work() == first);
  CHECK(backend().allocations() == allocations);
  const Tensor larger(backend(), {11, 1013});
  CHECK(backend().allocations() == allocations + 1);
}
