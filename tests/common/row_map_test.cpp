// RowMap: which rows of the batch a rank has, their positions, and their parts; and dropout of
// such rows.
#include "common/base/row_map.h"

#include <numeric>

#include "tests/test_support.h"

using namespace shard;

TEST_CASE("row map: the rows of whole sequences, and their positions") {
  const RowMap rows = RowMap::of_sequences({2, 4}, 3);
  CHECK(rows.is_known());
  CHECK(rows.rows() == 6);
  CHECK(rows.ranges() == std::vector<Range>{{6, 12}});
  CHECK(rows.positions() == std::vector<int32_t>{0, 1, 2, 0, 1, 2});
  CHECK(rows.rows_of_all_parts() == 6);
  CHECK_FALSE(RowMap().is_known());
  CHECK(message_of([] { RowMap(0, {}); }) == "rows of sequences of 0 tokens");
}

TEST_CASE("row map: parts are cut across sequences, and know the whole") {
  const RowMap rows = RowMap::of_sequences({2, 4}, 5);  // rows 10 … 19
  for (int parts : {1, 2, 3, 4, 7, 12}) {
    std::vector<int32_t> positions;
    for (int index = 0; index < parts; ++index) {
      const RowMap part = rows.part(parts, index);
      CHECK(part.is_known());
      CHECK(part.rows() == part_of(10, parts, index).size());
      CHECK(part.rows_of_all_parts() == 10);
      const std::vector<int32_t> more = part.positions();
      positions.insert(positions.end(), more.begin(), more.end());
    }
    CHECK(positions == rows.positions());
  }
  CHECK(rows.part(3, 1).ranges() == std::vector<Range>{{14, 17}});
}

TEST_CASE("row map: parts of several ranges") {
  // the first and the last quarter of two sequences of 8 tokens
  const RowMap rows(8, {{0, 2}, {6, 8}, {8, 10}, {14, 16}});
  CHECK(rows.rows() == 8);
  CHECK(rows.positions() == std::vector<int32_t>{0, 1, 6, 7, 0, 1, 6, 7});
  CHECK(rows.part(3, 0).ranges() == std::vector<Range>{{0, 2}, {6, 7}});
  CHECK(rows.part(3, 1).ranges() == std::vector<Range>{{7, 8}, {8, 10}});
  CHECK(rows.part(3, 2).ranges() == std::vector<Range>{{14, 16}});
  CHECK(rows.part(3, 2).positions() == std::vector<int32_t>{6, 7});
}

TEST_CASE("dropout of rows that are several ranges: as in the whole matrix") {
  constexpr int64_t rows = 19;
  for (int64_t columns : {1, 7, 8, 36}) {
    INFO(columns, " columns");
    const Tensor x = tensor(random_matrix(rows, columns, "x"));
    const Tensor whole = dropout(x, 0.4f, {5, 6}, {.whole_columns = columns});
    const std::vector<Range> some{{1, 4}, {9, 9}, {9, 10}, {13, 19}};
    std::vector<float> values, expected;
    for (const Range& range : some) {
      for (const auto& [all, from] : {std::pair{&values, &x}, {&expected, &whole}}) {
        const std::vector<float> part = from->slice(range).to_host();
        all->insert(all->end(), part.begin(), part.end());
      }
    }
    const Tensor part = tensor({10, columns}, values);
    CHECK(dropout(part, 0.4f, {5, 6}, some).to_host() == expected);
    CHECK(part.to_host() == values);
  }
  const Tensor x = tensor(random_matrix(5, 3, "x"));
  const std::vector<Range> too_many{{0, 4}, {7, 9}};
  CHECK(message_of([&] {
          dropout(x, 0.4f, {5, 6}, too_many);
        }) == "dropout: 6 rows for a tensor with 5");
  CHECK(contains(message_of([&] { dropout(x, 1.0f, {5, 6}, too_many); }), "is not in [0, 1)"));
}
