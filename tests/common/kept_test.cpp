// What passes keep: tensors are found in all parts, and memory counts once.
#include "common/tensor/kept.h"

#include "tests/test_support.h"

using namespace shard;

namespace {

struct Inner {
  Tensor x, y;
  auto parts() const { return std::tie(x, y); }
};

struct Outer {
  Inner one;
  std::vector<Inner> several;
  std::vector<Tensor> tensors;
  auto parts() const { return std::tie(one, several, tensors); }
};

}  // namespace

TEST_CASE("bytes_of: nothing kept is 0") {
  CHECK(bytes_of(Outer{.one = {}, .several = {{}, {}}, .tensors = {}}) == 0);
}

TEST_CASE("bytes_of: the tensors of all parts, inner ones and those in vectors") {
  const Outer kept{.one = {.x = Tensor(backend(), {2, 3}), .y = Tensor(backend(), {5})},
                   .several = {{.x = Tensor(backend(), {7, 11}), .y = {}},
                               {.x = {}, .y = Tensor(backend(), {13}, DataType::i32)}},
                   .tensors = {Tensor(backend(), {17}), {}, Tensor(backend(), {19, 1})}};
  CHECK(bytes_of(kept) == 4 * (6 + 5 + 77 + 13 + 17 + 19));
  int64_t found = 0;
  for_each_tensor(kept, [&](const Tensor&) { ++found; });
  CHECK(found == 6);
}

TEST_CASE("bytes_of: the same tensor and views of it once, a view as all that it keeps alive") {
  const Tensor x(backend(), {6, 5});
  CHECK(bytes_of(Inner{x, x}) == 120);
  CHECK(bytes_of(Inner{x, x.reshape({3, 10})}) == 120);
  CHECK(bytes_of(Inner{x.slice({1, 2}), x.slice({4, 6})}) == 120);
  CHECK(bytes_of(Inner{x.slice({1, 2}), {}}) == 120);
  CHECK(bytes_of(Inner{x, x.clone()}) == 240);
  CHECK(x.slice({2, 3}).memory() == x.memory());
  CHECK(x.clone().memory() != x.memory());
  CHECK(Tensor().memory() == nullptr);
  CHECK(Tensor().memory_bytes() == 0);
}
