// Shapes: their sizes and products, and what is refused.
// CPU only.
#include "common/base/shape.h"

#include "tests/test_support.h"

using namespace shard;

TEST_CASE("shape: rows are the product of all sizes but the last") {
  const Shape shape{5, 3, 7};
  CHECK(shape.rank() == 3);
  CHECK(shape[1] == 3);
  CHECK(shape.rows() == 15);
  CHECK(shape.columns() == 7);
  CHECK(shape.elements() == 105);
  CHECK(to_string(shape) == "[5 × 3 × 7]");
}

TEST_CASE("shape: vectors, scalars and empty tensors") {
  CHECK(Shape{9}.rows() == 1);
  CHECK(Shape{9}.columns() == 9);
  CHECK(Shape{}.elements() == 1);
  CHECK(to_string(Shape{}) == "[]");
  CHECK(Shape{0, 6}.elements() == 0);
  CHECK(Shape{6, 0}.elements() == 0);
}

TEST_CASE("shape: equality compares sizes and their number") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
  CHECK_FALSE(Shape{6} == Shape{6, 1});
}

TEST_CASE("shape: bad sizes are refused with the size") {
  CHECK(message_of([] { Shape{1, 2, 3, 4, 5}; }) == "a shape has at most 4 sizes, got 5");
  CHECK(message_of([] { Shape{4, -7}; }) == "size 1 of a shape is negative: -7");
  CHECK(message_of([] {
          Shape{int64_t{1} << 32, int64_t{1} << 31};
        }) == "a shape's number of elements overflows 64 bits at size 1 = 2147483648");
}
