// FlatBucket: every element of every parameter is in one rank's range, and in one place.
// Ranks: 1.
#include "chapters/15_sharded_optimizer/flat_bucket.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

/// Parameters of odd sizes: matrices, vectors, and a part of a matrix.
struct Some {
  std::vector<std::unique_ptr<Parameter>> owned;
  Parameters all;

  Some() {
    add("a", Shard::all({5, 7}));
    add("b", Shard::all({7}));
    add("c", Shard::all({1}));
    add("d", Shard::of_columns({4, 9}, {{0, 2}, {6, 9}}));
    add("e", Shard::all({3}));
  }
  void add(const std::string& name, Shard shard) {
    owned.push_back(std::make_unique<Parameter>(backend(), name, std::move(shard), 1, 1.0f));
    all.push_back(owned.back().get());
  }
};

}  // namespace

TEST_CASE("flat bucket: the ranges are equal, follow each other, and hold every element once") {
  const Some some;
  for (int ranks : {1, 2, 3, 4, 5, 7, 66, 100}) {
    CAPTURE(ranks);
    const FlatBucket bucket(some.all, ranks);
    CHECK(bucket.elements() == 35 + 7 + 1 + 20 + 3);
    CHECK(bucket.padded() % ranks == 0);
    CHECK(bucket.padded() >= bucket.elements());
    CHECK(bucket.padded() < bucket.elements() + ranks);
    std::map<const Parameter*, int64_t> next;  // element of each parameter
    size_t parameter = 0;
    int64_t elements = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const Range range = bucket.range_of(rank);
      CHECK(range == Range{rank * bucket.padded() / ranks, (rank + 1) * bucket.padded() / ranks});
      int64_t place = 0;
      for (const FlatPiece& piece : bucket.pieces_of(rank)) {
        CHECK(piece.elements.begin == next[piece.parameter]);
        CHECK(piece.place.begin == place);
        CHECK(piece.place.size() == piece.elements.size());
        CHECK(piece.elements.size() > 0);
        CHECK(piece.place.end <= range.size());
        CHECK(piece.decays() == (piece.parameter->name == "a" || piece.parameter->name == "d"));
        while (some.all[parameter] != piece.parameter) ++parameter;  // in the bucket's order
        next[piece.parameter] = piece.elements.end;
        place = piece.place.end;
        elements += piece.elements.size();
      }
    }
    CHECK(elements == bucket.elements());
    for (const Parameter* p : some.all) CHECK(next[p] == p->value.elements());
  }
}

TEST_CASE("flat bucket: a view of the flat tensor is what the pieces say") {
  const Some some;
  const FlatBucket bucket(some.all, 4);
  std::vector<float> numbers;
  for (int64_t i = 0; i < bucket.padded(); ++i) numbers.push_back(static_cast<float>(i));
  const Tensor flat = tensor({bucket.padded()}, numbers);
  for (int rank = 0; rank < 4; ++rank) {
    for (const FlatPiece& piece : bucket.pieces_of(rank)) {
      const auto i = std::ranges::find(some.all, piece.parameter) - some.all.begin();
      const Tensor view = bucket.view(flat, static_cast<size_t>(i));
      CHECK(view.shape() == piece.parameter->value.shape());
      CHECK(view.to_host()[static_cast<size_t>(piece.elements.begin)] ==
            static_cast<float>(bucket.range_of(rank).begin + piece.place.begin));
    }
  }
}

TEST_CASE("flat buckets: every parameter once, from the last to the first, up to their size") {
  const Some some;
  for (int64_t bytes : {1, 40, 100, 1 << 20}) {
    CAPTURE(bytes);
    Parameters found;
    const std::vector<FlatBucket> buckets = flat_buckets(some.all, bytes, 3);
    for (const FlatBucket& bucket : buckets) {
      append(found, bucket.parameters());
      CHECK((4 * bucket.elements() >= bytes || &bucket == &buckets.back()));
    }
    std::ranges::reverse(found);
    CHECK(found == some.all);
  }
  CHECK(flat_buckets({}, 1, 3).empty());
}

TEST_CASE("flat bucket: none, and no rank, are refused") {
  const Some some;
  CHECK(contains(message_of([&] { FlatBucket({}, 2); }), "a flat bucket of 0 parameters"));
  CHECK(contains(message_of([&] { FlatBucket(some.all, 0); }), "for 0 ranks"));
  CHECK(contains(message_of([&] { FlatBucket(some.all, 2).range_of(2); }), "no rank 2 of 2"));
}
