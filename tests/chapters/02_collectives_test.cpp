// The hand-written ring all-reduce: exact sums, and not a byte more than 2(t-1)/t of the vector is
// sent.
#include "chapters/02_collectives/ring_all_reduce.h"
#include "tests/chapters/block_support.h"

using namespace shard;

TEST_CASE(
    "ring all-reduce: sums of whole numbers are exact, for vectors shorter than the ring too") {
  const int64_t size = world().size();
  for (int64_t count : {0, 1, 2, 3, 5, 1000, 100'003}) {
    std::vector<float> mine, sum;
    for (int64_t i = 0; i < count; ++i) {
      mine.push_back(element(world().rank(), i));
      sum.push_back(0);
      for (int rank = 0; rank < size; ++rank) sum.back() += element(rank, i);
    }
    const Ledger before = ledger();
    CHECK(ring_all_reduce(world(), PartialSum(tensor({count}, mine))).to_host() == sum);
    const Ledger since = ledger().since(before);
    CHECK(since.calls() == 2 * (size - 1));
    CHECK(since.calls(Collective::send_receive) == since.calls());
    const int64_t longest = (count + size - 1) / size;
    CHECK(since.bytes() <= 2 * (size - 1) * longest * 4);
    CHECK(world().sum_of(static_cast<double>(since.bytes())) ==
          2.0 * (size - 1) * static_cast<double>(count) * 4);
  }
}

TEST_CASE("ring all-reduce: a matrix keeps its shape, and the term's memory becomes the result's") {
  const Tensor term = tensor(random_matrix(9, 5, text("term ", world().rank())));
  Matrix sum(9, 5);
  for (int rank = 0; rank < world().size(); ++rank)
    sum = reference::add(sum, random_matrix(9, 5, text("term ", rank)));
  const Tensor y = ring_all_reduce(world(), PartialSum(term));
  CHECK(y.shape() == Shape{9, 5});
  CHECK(reference::relative_error(y, sum) < tolerance);
  CHECK(term.to_host() == y.to_host());
}

TEST_CASE("ring moves: what a rank receives is what its left-hand neighbour sends") {
  for (int size : {2, 3, 4, 7}) {
    for (int step = 0; step < 2 * (size - 1); ++step) {
      for (int rank = 0; rank < size; ++rank) {
        const RingMove left = ring_move((rank + size - 1) % size, size, step),
                       mine = ring_move(rank, size, step);
        CHECK(mine.receive == left.send);
        CHECK(mine.adds == (step < size - 1));
      }
    }
  }
}
