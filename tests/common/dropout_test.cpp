// Dropout: what is kept is a function of the element's place in the whole matrix, and of nothing
// else.
#include <algorithm>
#include <cmath>

#include "tests/test_support.h"

using namespace shard;

constexpr RandomStream stream{11, stream_of("mask")};

TEST_CASE("dropout: each element is dropped or divided by 1 - p, as its own random number says") {
  const Matrix x = random_matrix(7, 13, "x");
  for (float p : {0.0f, 0.1f, 0.5f, 0.9f}) {
    Matrix expected = x;
    for (size_t i = 0; i < expected.values.size(); ++i) {
      expected.values[i] = stream.uniform(i) < p ? 0.0 : x.values[i] / (1.0 - p);
    }
    CHECK(reference::largest_difference(dropout(tensor(x), p, stream, {.whole_columns = 13}),
                                        expected) < 1e-5);
  }
}

TEST_CASE("dropout: a tile computed alone equals the tile cut out of the whole, wherever it lies") {
  const int64_t rows = 12, columns = 29;
  const Tensor whole = tensor(random_matrix(rows, columns, "x"));
  const Tensor dropped = dropout(whole, 0.4f, stream, {.whole_columns = columns});
  for (const Range r : {Range{0, 12}, Range{5, 9}, Range{11, 12}}) {
    for (const Range c :
         {Range{0, 29}, Range{0, 7}, Range{1, 6}, Range{6, 8}, Range{27, 29}, Range{3, 4}}) {
      INFO("rows ", r.begin, " to ", r.end, ", columns ", c.begin, " to ", c.end);
      const Tensor tile = columns_of(whole.slice(r), c);
      CHECK(dropout(tile, 0.4f, stream, {r.begin, c.begin, columns}).to_host() ==
            columns_of(dropped.slice(r), c).to_host());
    }
  }
}

TEST_CASE("dropout: blocks whose index does not fit 32 bits") {
  const Tensor ones = Tensor::full(backend(), {3, 9}, 1.0f);
  const Block far{5'000'000'000, 2, 101};
  const std::vector<float> got = dropout(ones, 0.5f, stream, far).to_host();
  for (uint64_t i = 0; i < got.size(); ++i) {
    const uint64_t index = (5'000'000'000 + i / 9) * 101 + 2 + i % 9;
    CHECK(got[i] == (stream.uniform(index) < 0.5f ? 0.0f : 2.0f));
  }
}

TEST_CASE("dropout: the expectation is kept, and the dropped share is p") {
  const int64_t count = 200'000;
  const float p = 0.3f;
  const Tensor ones = Tensor::full(backend(), {400, 500}, 1.0f);
  const std::vector<float> got = dropout(ones, p, stream, {.whole_columns = 500}).to_host();
  const double zeros = static_cast<double>(std::ranges::count(got, 0.0f)),
               deviation = std::sqrt(count * p * (1 - p));
  CHECK(std::abs(zeros - count * p) < 5 * deviation);
  Tensor sum = Tensor::zeros(backend(), {1});
  add_sum(sum, tensor({count}, got));
  CHECK(std::abs(sum.to_host()[0] - count) < 5 * deviation / (1 - p));
}

TEST_CASE("dropout: another stream drops other elements") {
  const Tensor ones = Tensor::full(backend(), {20, 20}, 1.0f);
  const std::vector<float> first = dropout(ones, 0.5f, stream, {.whole_columns = 20}).to_host();
  CHECK(first != dropout(ones, 0.5f, {11, stream_of("mask", 1)}, {.whole_columns = 20}).to_host());
  CHECK(first != dropout(ones, 0.5f, {12, stream_of("mask")}, {.whole_columns = 20}).to_host());
}

TEST_CASE("dropout: a probability outside [0, 1) is refused") {
  const Tensor x = Tensor::zeros(backend(), {2, 3});
  for (float p : {-0.1f, 1.0f, NAN}) {
    CHECK(contains(message_of([&] { dropout(x, p, stream, {.whole_columns = 3}); }), "dropout: "));
  }
  CHECK(contains(
      message_of([&] { dropout(x, 0.5f, stream, {.first_column = 1, .whole_columns = 3}); }),
      "dropout: "));  // past the whole's end
}
