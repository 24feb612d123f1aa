// Partitions: parts cover the whole without overlap, and what a shard cuts out can be pasted back.
// CPU only.
#include "common/base/partition.h"

#include <numeric>

#include "tests/test_support.h"

using namespace shard;

TEST_CASE("part_of: parts are consecutive, cover everything and differ by at most one") {
  for (int64_t whole : {0, 1, 3, 7, 8, 61, 1000}) {
    for (int parts : {1, 2, 3, 4, 7}) {
      int64_t end = 0;
      for (int index = 0; index < parts; ++index) {
        const Range part = part_of(whole, parts, index);
        CHECK(part.begin == end);
        CHECK(part.size() - whole / parts == (index < whole % parts ? 1 : 0));
        CHECK(part_sizes(whole, parts)[index] == part.size());
        end = part.end;
      }
      CHECK(end == whole);
    }
  }
}

TEST_CASE("part_of: a part that does not exist is refused") {
  CHECK(message_of([] { part_of(10, 3, 3); }) == "there is no part 3 of 3 parts of 10");
  CHECK(message_of([] { part_of(10, 0, 0); }) == "there is no part 0 of 0 parts of 10");
  CHECK(message_of([] { part_of(-1, 2, 0); }) == "there is no part 0 of 2 parts of -1");
}

static std::vector<float> counted(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

/// Pastes all shards' cuts into an empty whole: equal to the whole if they cover it.
static std::vector<float> put_together(const std::vector<Shard>& shards,
                                       const std::vector<float>& whole) {
  std::vector<float> out(whole.size(), -1.0f);
  for (const Shard& shard : shards) shard.paste(shard.cut(whole), out);
  return out;
}

TEST_CASE("shard: all, rows, columns and three column ranges put together are the whole") {
  const Shape whole{5, 12};
  const std::vector<float> values = counted(60);
  std::vector<Shard> rows, columns, three_ranges, vectors;
  for (int rank = 0; rank < 3; ++rank) {
    const Range part = part_of(4, 3, rank);
    rows.push_back(Shard::of_rows(whole, part_of(5, 3, rank)));
    columns.push_back(Shard::of_columns(whole, {part_of(12, 3, rank)}));
    three_ranges.push_back(Shard::of_columns(
        whole, {part, {4 + part.begin, 4 + part.end}, {8 + part.begin, 8 + part.end}}));
    vectors.push_back(Shard::of_columns({60}, {part_of(60, 3, rank)}));
  }
  for (const auto& shards : {rows, columns, three_ranges, vectors, {Shard::all(whole)}}) {
    CHECK(put_together(shards, values) == values);
  }
  CHECK(Shard::all(whole).is_everything());
  CHECK_FALSE(rows[0].is_everything());
  CHECK(Shard::of_rows(whole, {0, 5}).is_everything());
}

TEST_CASE("shard: the cut of three ranges has them side by side") {
  const Shard shard =
      Shard::of_columns({2, 6}, {{1, 2}, {3, 4}, {5, 6}});  // the second heads of Q, K and V
  CHECK(shard.local() == Shape{2, 3});
  CHECK(shard.cut(counted(12)) == std::vector<float>{2, 4, 6, 8, 10, 12});
}

TEST_CASE("shard: padding is zero when cut, and dropped when pasted") {
  const std::vector<float> values = counted(15);
  const Shard rows = Shard::of_rows({5, 3}, {4, 8}), columns = Shard::of_columns({3, 5}, {{3, 7}});
  const Shard beyond = Shard::of_rows({5, 3}, {6, 8});
  CHECK(rows.local() == Shape{4, 3});
  CHECK(rows.cut(values) == std::vector<float>{13, 14, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(columns.cut(values) == std::vector<float>{4, 5, 0, 0, 9, 10, 0, 0, 14, 15, 0, 0});
  CHECK(beyond.cut(values) == std::vector<float>(6, 0.0f));
  std::vector<float> whole(15, 0.0f);
  columns.paste(std::vector<float>(12, 7.0f), whole);
  beyond.paste(std::vector<float>(6, 7.0f), whole);
  CHECK(whole == std::vector<float>{0, 0, 0, 7, 7, 0, 0, 0, 7, 7, 0, 0, 0, 7, 7});
}

TEST_CASE("shard: a wrong number of values is refused") {
  const Shard shard = Shard::of_rows({5, 3}, {1, 3});
  std::vector<float> whole(15);
  CHECK(message_of([&] { shard.cut(std::vector<float>(14)); }) ==
        "a whole of shape [5 × 3] was given 14 values");
  CHECK(message_of([&] { shard.paste(std::vector<float>(5), whole); }) ==
        "a part of shape [2 × 3] of a whole [5 × 3] was given 5 and 15 values");
}
